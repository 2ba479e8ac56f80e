//! What is wrong with a command line, or with what it names, before anything is asked of a cluster.

use crate::chain::case::cases;
use crate::local::files::PutError;

cases! {
    /// A command that cannot be carried out as it was given.
    #[derive(Debug, thiserror::Error)]
    pub enum Mistake {}

    "Files and flags" {
        /// A file that is not there. `remedy`: by the option that names it.
        FileAbsent { file: String, remedy: String } Usage
            "there is no file {file}"
            => "{remedy}";
        /// A file that cannot be opened.
        FileRefused { file: String, why: String } Usage
            "{file} cannot be read: {why}"
            => "name a file that you may read";
        /// A pipe or a device where a file is looked for.
        FileIrregular { file: String, what: &'static str } Usage
            "{file} is {what}, not a regular file"
            => "put a regular file there, or name another one with -f FILE";
        /// A file of bytes.
        FileNotText { file: String } Usage
            "{file} is not UTF-8 text"
            => "save it as UTF-8";
        /// A file that is longer than any object.
        FileTooLarge { file: String } Usage
            "{file} is larger than 4 MiB, and no cluster takes an object of that size"
            => "make it smaller: large files belong in the image, or in a volume";
        /// Stdin for two things.
        StdinTwice { first: String, second: String } Usage
            "stdin can be read once, and both {first} and {second} ask for it"
            => "write what one of them reads into a file, and name that";
        /// A variable of bytes.
        VariableNotText { variable: String } Usage
            "the value of environment variable {variable} is not UTF-8"
            => "set it to UTF-8 text, or unset it";
        /// A template that gives nothing.
        NothingRendered { template: String } Usage
            "{template} renders to no documents"
            => "write the pipeline's documents into it, or check the condition that leaves them all out";
        /// An `init` where there is a file already.
        FileThere { file: String } Usage
            "{file} is there already"
            => "look at what it would become with --dry-run=client, and have it replaced with --force; or name another file with -f FILE";
        /// A file that is to be written and leads elsewhere.
        FileIsLink { file: String, leads: String } Usage
            "{file} is a link to {leads}, and is not followed"
            => "name the file itself with -f FILE, or remove the link";
        /// A file that cannot be written.
        FileUnwritten { file: String, why: String } Usage
            "{file} cannot be written: {why}"
            => "name a file in a folder that you may write to with -f FILE";
        /// A bundle where there is one already.
        BundleThere { file: String } Usage
            "{file} is there already"
            => "name another file, or have it replaced with --force";
        /// A bundle that leads elsewhere.
        BundleIsLink { file: String, leads: String } Usage
            "{file} is a link to {leads}, and is not followed"
            => "name the file itself with --bundle FILE, or remove the link";
        /// A bundle that cannot be written.
        BundleUnwritten { file: String, why: String } Usage
            "{file} cannot be written: {why}"
            => "name a file in a folder that you may write to with --bundle FILE";
        /// A bundle that a terminal is to show.
        BundleOnTerminal {} Usage
            "a bundle is an archive, and no terminal shows one"
            => "name a file with --bundle FILE, or redirect the output";
        /// A template that is to be mended and is no file.
        FixOfStdin {} Usage
            "the template comes from stdin, and nothing can be put right there"
            => "name its file with -f FILE, or look at what would change with --dry-run=client";
        /// An `init` that cannot find out the image.
        ImageUnknown { why: String } Usage
            "the CI image is not known: {why}"
            => "name it, with the tag that your builder pushes: --image REGISTRY/REPOSITORY:TAG";
        /// An image that cannot be followed.
        ImageRefused { image: String, why: String } Usage
            "the image {image} cannot be followed: {why}"
            => "name it as it is pushed: --image REGISTRY/REPOSITORY:TAG";
        /// A `report` that names nothing, where nothing tells what is meant.
        NoChainHere { why: String } Usage
            "no chain is named, and this folder has none, since that is derived from the git repository and branch: {why}"
            => "name a chain or a build: kubectl studioci status lists those that are there; or set STUDIOCI_CHAIN to a chain's name";
        /// A default that cannot be a chain's name. `by`: what says it.
        NotAChain { by: String, name: String, why: String } Usage
            "{by}: {name:?} is no name of a chain: it {why}"
            => "write the name of a chain there: kubectl studioci status --chains lists them";
        /// A settings file that is there and cannot be read.
        SettingsUnreadable { why: String } Usage
            "settings: {why}"
            => "make it a text of at most 4 MiB that you may read, or delete it";
        /// A settings file that holds something else.
        SettingsMisread { file: String, found: String } Usage
            "{file}: it is {found}, and settings are a mapping"
            => "write it as chain: NAME, or delete the file";
        /// A setting that YAML takes for a number or a boolean.
        SettingUnquoted { file: String, key: String, value: String } Usage
            "{file}: {key} is {value}, which YAML reads as no text, and a name is wanted"
            => "write it in quotes, {key}: \"{value}\", or name another chain: kubectl studioci status --chains lists them";
        /// A setting that is a list or a mapping.
        SettingNotText { file: String, key: String, found: String } Usage
            "{file}: {key} is {found}, and the name of one chain is wanted"
            => "write it as {key}: NAME; kubectl studioci status --chains lists them";
        /// A key of the settings file that there is none of, much like one that there is.
        SettingMisspelt { file: String, key: String, near: String } Usage
            "{file}: there is no setting {key:?}"
            => "did you mean {near:?}?";
        /// A key of the settings file that there is none of.
        SettingUnknown { file: String, key: String, known: String } Usage
            "{file}: there is no setting {key:?}"
            => "take it out; settings are: {known}";
        /// A revision that is no commit.
        NoSuchCommit { revision: String, why: String } Usage
            "{revision:?} is no commit: {why}"
            => "name HEAD, a branch or a tag of this checkout, or a commit's id, at least 7 digits of it";
        /// A chain where one build is meant.
        NotABuildToPublish { name: String } Usage
            "{name} is a chain, and a result is told of one build"
            => "name the build: kubectl studioci report {name} lists them";
        /// A template in a language that is not spoken here.
        NoGoTemplates { form: String } Usage
            "-o {form} is not there: nothing here reads the templates of Go"
            => "say it by a path: -o jsonpath='{{range .items[*]}}{{.metadata.name}}{{\"\\n\"}}{{end}}', or by -o custom-columns=NAME:.metadata.name";
        /// A group that is no team.
        NotATeam { group: String, why: &'static str } Usage
            "group {group:?} is not to use studioci: {why}"
            => "name a group of people as the API server sees it: kubectl auth whoami, run by one of them, lists theirs";
        /// A `cleanup` that names nothing.
        NothingChosen {} Usage
            "no builds are chosen"
            => "name namespaces, or give a rule: --older-than 7d, --keep 5; with --dry-run nothing is deleted";
    }
    "Label selectors" {
        /// `-l` with what no server reads.
        SelectorRefused { selector: String, why: String } Usage
            "the API server rejects the label selector {selector:?}: {why}"
            => "write it as for kubectl, several parted by commas: -l KEY=VALUE, -l 'KEY in (A,B)', -l KEY, -l '!KEY'";
    }
    "Several contexts" {
        /// `--contexts` with nothing between two of its commas.
        NoContextNamed {} Usage
            "--contexts has an empty name"
            => "name one or several: --contexts a,b; kubectl config get-contexts lists them";
        /// A flag that leads to one server, or proves somebody to one.
        OfOneCluster { flag: &'static str } Usage
            "{flag} is of one cluster, and --contexts names several"
            => "leave {flag} out: each context has its own in the kubeconfig";
        /// Every one of them has failed, as was said of each.
        NoneAnswered { contexts: String } Unready
            "none of these contexts has answered: {contexts}"
            => "try one by itself, which says what to do: kubectl studioci status --context NAME";
    }
    "Inside a pod" {
        /// A hidden verb outside of a listener.
        NotInAListener { variable: String, verb: String } Usage
            "{variable} is not set: {verb} works only in a listener's pod"
            => "start a chain with kubectl studioci start";
        /// The folder that the agent reads is not there.
        CannotTell { folder: String, why: String } Usage
            "cannot write to {folder}: {why}"
            => "start a chain with kubectl studioci start: its listener mounts that folder";
        /// The volume that the program is copied into is not there.
        CannotInstall { path: String, why: String } Usage
            "cannot copy this program to {path}: {why}"
            => "name a file in a folder that this user may write to, with room for it";
        /// The system gives a child no bounds.
        NoBounds { why: String } Usage
            "cannot render within bounds: {why}"
            => "check the limits of this process: ulimit -a";
    }
}

impl From<PutError> for Mistake {
    fn from(error: PutError) -> Self {
        match error {
            PutError::There(file) => Self::FileThere { file },
            PutError::Link(file, leads) => Self::FileIsLink { file, leads },
            PutError::Refused(file, why) => Self::FileUnwritten { file, why: why.to_string() },
        }
    }
}
