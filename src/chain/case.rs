//! Errors as cases: what each says, what to do about it and whose fault it is, side by side and only once.
//!
//! The pages of the documentation are written from the same lines that the program prints, so that neither can be forgotten.

/// Whose fault it is, which is what the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// What was asked for cannot be done as asked: usage or configuration.
    Usage,
    /// The cluster is not as it must be: setup not done, rights missing, something edited or deleted by hand.
    Unready,
    /// Something is another's, or became another's meanwhile.
    Ownership,
    /// A bound was reached.
    Timeout,
}

#[cfg(any(test, feature = "testing"))]
/// A case as it is documented: `{fact}` stands for what is known only when it happens.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The section of the documentation that it stands in.
    pub section: &'static str,
    /// Whose fault it is.
    pub blame: Blame,
    /// What it says.
    pub what: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Declares an enum of cases, with `others` that say everything themselves.
macro_rules! cases {
    (
        $(#[$of_all:meta])*
        pub enum $Name:ident { $($others:tt)* }
        $($section:literal { $(
            $(#[$doc:meta])*
            $Case:ident { $($fact:ident: $type:ty),* } $blame:ident $what:literal => $remedy:literal;
        )* })*
    ) => {
        $(#[$of_all])*
        #[allow(missing_docs, reason = "the sentence of a case says what each of its facts is")]
        pub enum $Name {
            $($others)*
            $($(
                $(#[$doc])*
                #[error($what)]
                $Case { $($fact: $type),* },
            )*)*
        }

        impl $Name {
            #[cfg(any(test, feature = "testing"))]
            /// Every case, in the order of the documentation.
            pub const CASES: &[$crate::chain::case::Case] = &[$($($crate::chain::case::Case {
                name: stringify!($Case),
                section: $section,
                blame: $crate::chain::case::Blame::$blame,
                what: $what,
                remedy: $remedy,
            }),*),*];

            /// Whose fault a case is, and what to do about it; none for what says that itself.
            #[allow(unused_variables, unreachable_patterns, reason = "not every remedy names every fact")]
            pub fn advice(&self) -> Option<($crate::chain::case::Blame, String)> {
                match self {
                    $($(Self::$Case { $($fact),* } => {
                        Some(($crate::chain::case::Blame::$blame, format!($remedy)))
                    })*)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use cases;
