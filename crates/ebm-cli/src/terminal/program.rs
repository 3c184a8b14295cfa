//! How the program was started, so that the commands that it suggests can be typed as printed.

use std::sync::LazyLock;

use clap::Command;

/// What xtask sets to its own name.
const VARIABLE: &str = "EBM_PROGRAM";

/// The only other name: anything else would be printed as a command without being one.
const XTASK: &str = "cargo xtask";

/// `ebm`, or `cargo xtask` where that started it.
pub fn name() -> &'static str {
    static NAME: LazyLock<&str> = LazyLock::new(|| if is_started_by_xtask() { XTASK } else { "ebm" });
    &NAME
}

#[expect(clippy::disallowed_methods, reason = "the program that started this one says so")]
fn is_started_by_xtask() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == XTASK)
}

/// The text with its commands, which begin with a backquote and `ebm`, as this program was started.
pub fn as_started(text: &str) -> String {
    text.replace("`ebm ", &format!("`{} ", name()))
}

/// The command line's description likewise.
pub fn described(command: Command) -> Command {
    helped(command).bin_name(name())
}

fn helped(command: Command) -> Command {
    let command = command.mut_args(|argument| match argument.get_help().map(ToString::to_string) {
        Some(help) => argument.help(as_started(&help)),
        None => argument,
    });
    command.mut_subcommands(helped)
}
