//! `completion`: the scripts by which shells, and kubectl, ask what may come next.

use clap::{Args, ValueEnum};

use super::context::Ctx;
use super::failure::{ExitKind, Failure};

/// Print the script that completes commands in kubectl or in a shell
///
/// With `kubectl`, prints the script that kubectl 1.26 and newer asks how to complete `kubectl studioci`, in every shell in which kubectl itself completes: it has to be named kubectl_complete-studioci, executable, and in a folder of PATH. With the name of a shell, prints what completes the program kubectl-studioci itself there.
///
/// Verbs, flags and their values, names of the kubeconfig, files, and chains and builds of the cluster are completed. A cluster that does not answer within 250 ms adds nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Complete \"kubectl studioci\" wherever kubectl completes, by a script in a folder of PATH
  mkdir -p ~/.local/bin
  kubectl studioci completion kubectl > ~/.local/bin/kubectl_complete-studioci
  chmod +x ~/.local/bin/kubectl_complete-studioci

  # Complete kubectl-studioci in every new bash
  kubectl studioci completion bash >> ~/.bashrc")]
pub struct CompletionArgs {
    /// Where to complete
    #[arg(value_name = "SHELL")]
    pub shell: ShellArg,
}

/// Who completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShellArg {
    /// kubectl, in any shell
    Kubectl,
    /// bash 3.2 or newer
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell 7.3 or newer
    Powershell,
}

impl ShellArg {
    fn script(self) -> &'static str {
        match self {
            Self::Kubectl => include_str!("../../plugin/completion/kubectl"),
            Self::Bash => include_str!("../../plugin/completion/bash"),
            Self::Zsh => include_str!("../../plugin/completion/zsh"),
            Self::Fish => include_str!("../../plugin/completion/fish"),
            Self::Powershell => include_str!("../../plugin/completion/powershell"),
        }
    }
}

pub(super) fn run(args: &CompletionArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    ctx.console.data(args.shell.script())?;
    Ok(ExitKind::Done)
}
