//! `veilpass`: the whole system in one binary (contract §5).

mod audit;
mod authority;
mod bench;
mod common;
mod debug;
mod demo;
mod export;
mod machine;
mod network;
mod outcome;
mod params;
mod platform;
mod progress;
mod registrar;
mod serve;
mod verify;
mod wallet;

use clap::{CommandFactory, Parser, Subcommand};
use outcome::{Failure, Reply};
use std::process::ExitCode;

/// Proves things about people without showing who they are.
#[derive(Debug, Parser)]
#[command(name = "veilpass", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    /// Write one JSON document to standard output; progress and questions go to standard error
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enrol people, seal them into the tree, publish it
    #[command(subcommand)]
    Authority(authority::Authority),
    /// A platform's keys and requests
    #[command(subcommand)]
    Platform(platform::Platform),
    /// Examine documents for an authority: applications, confirmations, removals
    #[command(subcommand)]
    Registrar(registrar::Registrar),
    /// Hold a credential and answer requests
    #[command(subcommand)]
    Wallet(wallet::Wallet),
    /// Check one presentation from files, without memory
    Verify(verify::Verify),
    /// Proving and verifying keys, and the circuit's figures
    #[command(subcommand)]
    Params(params::Params),
    /// The main job from end to end, in a temporary folder
    Demo(demo::Demo),
    /// What proofs, checks and trees cost on this machine, beside what others cost
    Bench(bench::Bench),
    /// Values one by one, to hold this binary against an implementation of your own
    #[command(subcommand)]
    Debug(debug::Debug),
    /// Completions for a shell, to standard output
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = machine::choose().and_then(|()| run(cli.command, cli.json));
    outcome::finish(outcome, cli.json)
}

fn run(command: Command, json: bool) -> Result<Option<Reply>, Failure> {
    match command {
        Command::Authority(c) => authority::run(c),
        Command::Platform(c) => platform::run(c),
        Command::Registrar(c) => registrar::run(c).map(Some),
        Command::Wallet(c) => wallet::run(c).map(Some),
        Command::Verify(v) => verify::run(&v).map(Some),
        Command::Params(c) => params::run(c).map(Some),
        Command::Demo(d) => demo::run(&d, json).map(Some),
        Command::Bench(b) => bench::run(&b).map(Some),
        Command::Debug(c) => debug::run(c),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "veilpass", &mut std::io::stdout());
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
