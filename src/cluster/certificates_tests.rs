//! Whom a connection trusts, and what it shows of itself: certificates and keys on both sides.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::UnixTime;

use super::*;

/// What a kubeconfig's server with these authorities answers, by whoever signs in so.
async fn met(url: &str, authorities: &str, user: &Value) -> Result<Option<Value>, Error> {
    let cluster = json!({"server": url, "certificate-authority-data": base64(authorities)});
    asked(&Kubeconfig::new(&cluster, user).options()).await.1
}

fn for_loopback() -> CertificateParams {
    CertificateParams::new(["127.0.0.1".to_owned()]).unwrap()
}

/// As `openssl req -x509` makes it: a server's certificate that is an authority's own.
fn own_authority() -> CertificateParams {
    authority_of("127.0.0.1")
}

fn authority_of(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn pem_of(der: &[u8]) -> String {
    pem::encode(&pem::Pem::new("CERTIFICATE", der))
}

/// The same bytes with another word of the same length.
fn patched(der: &[u8], word: &[u8], other: &[u8]) -> Vec<u8> {
    let mut der = der.to_vec();
    while let Some(at) = der.windows(word.len()).position(|window| window == word) {
        der[at..at + word.len()].copy_from_slice(other);
    }
    der
}

const P384: [u8; 5] = [0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: [u8; 5] = [0x2b, 0x81, 0x04, 0x00, 0x23];

#[tokio::test]
async fn trust_is_kubectls() {
    let (url, heads, certificate) = secure_server(vec![FINE]).await;
    let data = base64(&certificate);
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let config = |cluster: Value| {
        let mut cluster = cluster;
        cluster["server"] = Value::from(url.clone());
        Kubeconfig::new(&cluster, &json!({"token": "t"}))
    };
    let trusting = config(json!({"certificate-authority-data": data}));
    let file = trusting.0.join("ca.pem");
    std::fs::write(&file, &certificate).unwrap();
    let flag = |options: Options| Options { certificate_authority: Some(file.clone()), ..options };
    let insecure = |options: Options| Options { insecure_skip_tls_verify: true, ..options };
    let (own, wrong) = (trusting.options(), config(json!({"certificate-authority-data": base64(&other)})));
    let careless = config(json!({"insecure-skip-tls-verify": true}));
    // what kubectl 1.36 does: a flag replaces all that the kubeconfig says of trust
    for options in [
        own.clone(),
        insecure(own.clone()),
        insecure(wrong.options()),
        flag(wrong.options()),
        flag(careless.options()),
    ] {
        asked(&options).await.1.unwrap();
    }
    assert_eq!(heads.lock().unwrap().len(), 5);
    let distrust = asked(&wrong.options()).await.1.unwrap_err().to_string();
    assert!(distrust.contains("certificate"), "{distrust}");

    let words = "specifying a root certificates file with the insecure flag is not allowed";
    let with_data = config(json!({"certificate-authority-data": data, "insecure-skip-tls-verify": true}));
    let with_file = config(json!({"certificate-authority": "gone.pem", "insecure-skip-tls-verify": true}));
    for (options, whose) in [
        (with_data.options(), "cluster \"lab\" of the kubeconfig has both"),
        (with_file.options(), "cluster \"lab\" of the kubeconfig has both"),
        (flag(insecure(own.clone())), "both flags are given"),
        (flag(insecure(options(&url))), "both flags are given"),
    ] {
        let error = asked(&options).await.1.unwrap_err();
        assert_eq!(error.to_string(), format!("{words}: {whose}"));
        assert!(!error.remedy().is_empty());
    }
    // over plain http nothing is checked, and kubectl says nothing either
    let (plain, _) = server(vec![FINE]).await;
    asked(&flag(insecure(options(&plain)))).await.1.unwrap();
}

/// As for Go's programs: what is trusted needs nobody who signed it, if name and time are right.
#[tokio::test]
async fn a_servers_certificate_that_is_trusted_itself_counts() {
    let key = KeyPair::generate().unwrap();
    let own = own_authority().self_signed(&key).unwrap();
    let with = |change: fn(&mut CertificateParams)| {
        let mut params = own_authority();
        change(&mut params);
        params.self_signed(&key).unwrap()
    };
    let again = with(|it| it.serial_number = Some(7.into()));
    let signer = Issuer::new(own_authority(), KeyPair::generate().unwrap());
    let leaf = for_loopback().signed_by(&key, &signer).unwrap();
    let leaf_authority = own_authority().signed_by(&key, &signer).unwrap();
    let old = with(|it| it.not_after = date_time_ymd(2001, 2, 3));
    let young = with(|it| it.not_before = date_time_ymd(3000, 1, 1));
    let named = authority_of("other.example").self_signed(&key).unwrap();
    let broken = pem_of(b"broken");
    for shown in [&own, &leaf, &leaf_authority] {
        let (url, heads) = server_with(vec![FINE], shown.der(), &key).await;
        for trusted in [shown.pem(), format!("{broken}{}{}", named.pem(), shown.pem())] {
            met(&url, &trusted, &json!({"token": "t"})).await.unwrap();
        }
        let flag = Kubeconfig::new(&json!({}), &json!({}));
        let file = flag.0.join("ca.pem");
        std::fs::write(&file, shown.pem()).unwrap();
        asked(&Options { certificate_authority: Some(file), ..options(&url) }).await.1.unwrap();
        assert_eq!(heads.lock().unwrap().len(), 3);
        let strange = met(&url, &named.pem(), &json!({"token": "t"})).await.unwrap_err().to_string();
        assert!(strange.contains("trusted here"), "{strange}");
        assert_eq!(heads.lock().unwrap().len(), 3, "nothing is sent to whoever is not trusted");
    }
    for (shown, trusted, said) in [
        (&old, &old, "its certificate has expired (2001-02-03T00:00:00Z)"),
        (&young, &young, "its certificate is not valid yet (3000-01-01T00:00:00Z)"),
        (&named, &named, "its certificate is not for 127.0.0.1, but for other.example"),
        // of the same name and key, and another one
        (&own, &again, "its certificate is a certificate authority's own, and not one that is trusted here"),
        (&leaf, &own, "its certificate is signed by no certificate authority that is trusted here"),
    ] {
        let (url, heads) = server_with(vec![FINE], shown.der(), &key).await;
        let error = met(&url, &trusted.pem(), &json!({"token": "t"})).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot reach the API server {url} of context \"a\": {said}"));
        assert_eq!(heads.lock().unwrap().len(), 0);
    }
}

#[tokio::test]
async fn a_remedy_names_what_gave_the_authority() {
    let (url, _, _) = secure_server(vec![FINE]).await;
    let other = own_authority().self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    let cluster = json!({"server": url, "certificate-authority-data": base64(&other)});
    let config = Kubeconfig::new(&cluster, &json!({}));
    let file = config.0.join("ca.crt");
    std::fs::write(&file, &other).unwrap();
    std::fs::write(config.0.join("token"), "t").unwrap();
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let pod = InCluster { folder: config.0.clone(), ..InCluster::at("127.0.0.1", port) };
    let flag = Options { certificate_authority: Some(file), ..config.options() };
    let in_pod = Options { kubeconfig: None, pod: Some(pod), ..config.options() };
    for (options, remedy) in [
        (config.options(), "Check that certificate-authority(-data) of this cluster in the kubeconfig"),
        (flag, "Check that the file of --certificate-authority holds"),
        (in_pod, "Check the ConfigMap kube-root-ca.crt"),
        (options(&url), "Name the authority that signed it with --certificate-authority"),
    ] {
        let error = asked(&options).await.1.unwrap_err();
        assert!(
            error.to_string().ends_with("signed by no certificate authority that is trusted here"),
            "{error}"
        );
        assert!(error.remedy().starts_with(remedy), "{}", error.remedy());
    }
}

/// A kubelet renews the file; whom it names is trusted within a minute, and while it is away those of before are.
#[tokio::test(start_paused = true)]
async fn a_pods_authority_is_read_again_every_minute() {
    let folder = Kubeconfig::new(&json!({}), &json!({}));
    let file = folder.0.join("ca.crt");
    let [one, two] = [(); 2].map(|()| own_authority().self_signed(&KeyPair::generate().unwrap()).unwrap());
    std::fs::write(&file, one.pem()).unwrap();
    let cluster =
        KubeCluster { certificate_authority: Some(file.display().to_string()), ..KubeCluster::default() };
    let of = |giver: Giver| Trust::of(&cluster, giver, &Entries::default()).unwrap().unwrap();
    let (pod, fixed) = (of(Giver::Pod), of(Giver::Kubeconfig));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let trusts = |trust: &Trust| {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
        [&one, &two].map(|made| trust.verify_server_cert(made.der(), &[], &name, &[], now).is_ok())
    };
    std::fs::write(&file, two.pem()).unwrap();
    assert_eq!(trusts(&pod), [true, false]);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!((trusts(&pod), trusts(&fixed)), ([false, true], [true, false]));
    std::fs::remove_file(&file).unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(trusts(&pod), [false, true]);
}

#[tokio::test]
async fn a_server_with_keys_that_are_not_supported_is_told_as_that() {
    // what Go's server says that has nothing but a key on P-521
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut hello = [0; 5];
        socket.read_exact(&mut hello).await.unwrap();
        let mut rest = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
        socket.read_exact(&mut rest).await.unwrap();
        socket.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).await.unwrap();
    });
    let authority = authority_of("authority.example");
    let error =
        met(&url, &own_authority().self_signed(&KeyPair::generate().unwrap()).unwrap().pem(), &json!({}))
            .await
            .unwrap_err();
    assert!(error.to_string().ends_with("which does not support the curve P-521"), "{error}");
    assert!(error.remedy().contains("ECDSA on P-256 or P-384"), "{}", error.remedy());

    // a server's own key is well, that of who signed it is not
    let signing = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let root = authority.clone().self_signed(&signing).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = for_loopback().signed_by(&key, &Issuer::new(authority, signing)).unwrap();
    let (sha384, sha512) = ([0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4]);
    let leaf = CertificateDer::from(patched(leaf.der(), &sha384, &sha512));
    let root = pem_of(&patched(root.der(), &P384, &P521));
    let (url, heads) = server_with(vec![FINE], &leaf, &key).await;
    let error = met(&url, &root, &json!({})).await.unwrap_err();
    assert!(error.to_string().contains("such as with a key on the curve P-521"), "{error}");
    assert_eq!(heads.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_client_key_that_cannot_be_used_is_told_in_words_with_a_way_out() {
    let made = rcgen::generate_simple_self_signed(["ann".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let block = |tag: &str, bytes: &[u8]| pem::encode(&pem::Pem::new(tag, bytes));
    let old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n\
               c2VjcmV0c2VjcmV0\n-----END EC PRIVATE KEY-----\n";
    let other = KeyPair::generate().unwrap().serialize_pem();
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let p521 = block("PRIVATE KEY", &patched(&p384.serialize_der(), &P384, &P521));
    let sec1 = block("EC PRIVATE KEY", &[&[0x30, 0x0b, 2, 1, 1, 4, 0, 0xa0, 7, 6, 5][..], &P521].concat());
    let encrypted = "the key is encrypted, and nobody can be asked for its passphrase";
    let on_p521 = "the key is on the curve P-521, which this program does not support";
    let unusable = "the key is damaged, or of a kind that this program does not support";
    let server = json!({"server": "https://127.0.0.1:1"});
    let folder = Kubeconfig::new(&server, &json!({}));
    for (key, said, remedy) in [
        (block("ENCRYPTED PRIVATE KEY", b"secret"), encrypted, "openssl pkey -in ENCRYPTED -out DECRYPTED"),
        (old.to_owned(), encrypted, "openssl pkey -in ENCRYPTED -out DECRYPTED"),
        (p521, on_p521, "openssl genpkey -algorithm EC"),
        (sec1, on_p521, "openssl genpkey -algorithm EC"),
        (block("PRIVATE KEY", b"secret"), unusable, "RSA with 2048 bits"),
        (block("DSA PRIVATE KEY", b"secret"), unusable, "RSA with 2048 bits"),
        (block("OPENSSH PRIVATE KEY", b"secret"), unusable, "RSA with 2048 bits"),
        (certificate.clone(), "there is no private key in it", "readable PEM files"),
        ("\u{30}\u{1}secret".to_owned(), "there is no private key in it", "readable PEM files"),
        (other, "it is not the key of ", "give the key that this certificate was made for"),
    ] {
        let user = json!({"client-certificate-data": base64(&certificate), "client-key-data": base64(&key)});
        let config = Kubeconfig::new(&server, &user);
        let file = folder.0.join("client.key");
        std::fs::write(&file, &key).unwrap();
        let flag = Options { client_key: Some(file), ..config.options() };
        for (options, field) in [(config.options(), "client-key of user \"ann\""), (flag, "--client-key")] {
            let error = asked(&options).await.1.unwrap_err();
            let whole = format!("{error} {}", error.remedy());
            assert!(error.to_string().starts_with(&format!("{field}: {said}")), "{error}");
            assert!(error.remedy().contains(remedy), "{whole}");
            assert!(!whole.contains("secret") && !whole.contains("c2Vj"), "{whole}");
        }
        // what a plugin gives is judged alike, and named as the plugin's
        let given = json!({"status": {"clientCertificateData": certificate, "clientKeyData": key}});
        std::fs::write(folder.0.join("grant"), given.to_string()).unwrap();
        let plugin = json!({"exec": {
            "command": "cat", "args": [folder.0.join("grant")], "interactiveMode": "Never",
            "apiVersion": "client.authentication.k8s.io/v1",
        }});
        let error = asked(&Kubeconfig::new(&server, &plugin).options()).await.1.unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("clientKeyData of the credential plugin cat: {said}")),
            "{error}"
        );
    }
    let user = json!({"client-certificate-data": base64(pem_of(b"x")), "client-key-data": base64(&key)});
    let error = asked(&Kubeconfig::new(&server, &user).options()).await.1.unwrap_err();
    assert_eq!(error.to_string(), "client-certificate of user \"ann\": its certificate cannot be read");
}

#[tokio::test]
async fn a_server_that_refuses_the_client_certificate_is_not_asked_again() {
    let authority = Issuer::new(own_authority(), KeyPair::generate().unwrap());
    let mut roots = rustls::RootCertStore::empty();
    let root = own_authority().self_signed(authority.key()).unwrap();
    roots.add(root.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = tls_server()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (url, heads) = serve(vec![FINE], Some(TlsAcceptor::from(Arc::new(config)))).await;
    let user = |certificate: &rcgen::Certificate, key: &KeyPair| {
        json!({
            "client-certificate-data": base64(certificate.pem()),
            "client-key-data": base64(key.serialize_pem()),
        })
    };
    let mine = KeyPair::generate().unwrap();
    let known = for_loopback().signed_by(&mine, &authority).unwrap();
    let mut strange = for_loopback();
    strange.distinguished_name.push(rcgen::DnType::CommonName, "strange");
    let strange = strange.self_signed(&mine).unwrap();
    met(&url, &made.cert.pem(), &user(&known, &mine)).await.unwrap();
    for (user, said, remedy) in [
        (
            json!({}),
            "it refuses the client certificate: it wants one and got none",
            "Give --client-certificate",
        ),
        (user(&strange, &mine), "it refuses the client certificate: it is signed by nobody", "Sign in"),
    ] {
        let error = met(&url, &made.cert.pem(), &user).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.remedy().starts_with(remedy), "{}", error.remedy());
    }
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[test]
fn a_certificate_authority_that_is_none_is_named() {
    let entries = Entries { cluster: Some("lab".to_owned()), ..Entries::default() };
    let with = |data: Option<&str>, path: Option<&str>, giver: Giver| {
        let cluster = KubeCluster {
            certificate_authority_data: data.map(str::to_owned),
            certificate_authority: path.map(str::to_owned),
            ..KubeCluster::default()
        };
        Trust::of(&cluster, giver, &entries)
            .map(|found| found.map_or(0, |found| found.certificates().len()))
            .map_err(|error| error.to_string())
    };
    let of = |data: &str| with(Some(data), None, Giver::Kubeconfig);
    assert_eq!(with(None, None, Giver::Nobody), Ok(0));
    assert_eq!(of(""), Ok(0));
    let good = own_authority().self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    let broken = pem_of(b"x");
    assert_eq!(
        of(&base64(format!("{good}{broken}{good}"))),
        Ok(2),
        "as Go, which passes over the broken one"
    );
    let data = "certificate authority (certificate-authority-data of cluster \"lab\"): ";
    for (text, why) in [
        (base64("hello"), "there is no certificate in it"),
        (base64(&broken), "no certificate in it can be read"),
        ("%".to_owned(), "it is not base64"),
        (base64("-----BEGIN CERTIFICATE-----\nSECRET\n-----END CERTIFICATE-----\n"), "it is not PEM"),
    ] {
        assert_eq!(of(&text), Err(format!("{data}{why}")));
    }
    for (giver, whose) in [
        (Giver::Kubeconfig, "certificate-authority of cluster \"lab\", /nonexistent/ca"),
        (Giver::AuthorityFlag, "--certificate-authority /nonexistent/ca"),
        (Giver::Pod, "the ServiceAccount's /nonexistent/ca"),
    ] {
        let error = with(None, Some("/nonexistent/ca"), giver).unwrap_err();
        assert!(error.starts_with(&format!("certificate authority ({whose}): No such file")), "{error}");
    }
}
