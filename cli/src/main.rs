//! `veilpass`: the whole system in one binary (contract §5).
// They panic where nobody reads; what is written goes through `outcome`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod ask;
mod audit;
mod authority;
mod backup;
mod bench;
mod common;
mod crowd;
mod debug;
mod demo;
mod explain;
mod export;
mod machine;
mod network;
mod out;
mod outcome;
mod params;
mod passphrase;
mod platform;
mod progress;
mod prompt;
mod registrar;
mod serve;
mod verify;
mod wallet;

use clap::{CommandFactory, Parser, Subcommand};
use out::Out;
use outcome::{Audience, Failure, Form, Reply};
use std::io::Write;
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
    /// What a code means, and what to do next
    Explain(explain::Explain),
    /// Completions for a shell, to standard output
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return misused(&e),
    };
    let (json, audience) = (cli.json, cli.command.audience());
    match form(&cli.command, json) {
        Ok(form) => outcome::finish(machine::check().and_then(|()| run(cli.command, form)), form),
        Err(failure) => outcome::finish(Err(failure), Form { audience, json, aside: false }),
    }
}

/// Help and version go to standard output like every answer, the rest to standard error.
fn misused(e: &clap::Error) -> ExitCode {
    if e.use_stderr() {
        let _ = e.print();
        return ExitCode::from(2);
    }
    let printed = e.print().and_then(|()| std::io::stdout().flush());
    let printed = printed.map(|()| None).map_err(|e| Failure::fault("standard output", e));
    outcome::finish(printed, Form { audience: Audience::Engineer, json: false, aside: false })
}

/// Where the answer goes. With `--json` standard output is the answer's alone.
fn form(command: &Command, json: bool) -> Result<Form, Failure> {
    let aside = command.out().map_or(Ok(false), Out::is_standard_output)?;
    if aside && json {
        let what =
            "with --json standard output holds the answer and nothing else: name a file for the output";
        return Err(Failure::Usage(what.into()));
    }
    Ok(Form { audience: command.audience(), json, aside })
}

impl Command {
    /// Who reads what it says.
    fn audience(&self) -> Audience {
        match self {
            Command::Wallet(_) => Audience::Person,
            Command::Authority(_) | Command::Registrar(_) => Audience::Operator,
            _ => Audience::Engineer,
        }
    }

    /// The output that the person names, which may be standard output.
    fn out(&self) -> Option<&Out> {
        match self {
            Command::Authority(c) => c.out(),
            Command::Platform(c) => c.out(),
            Command::Registrar(c) => c.out(),
            Command::Wallet(c) => c.out(),
            Command::Debug(c) => c.out(),
            _ => None,
        }
    }
}

fn run(command: Command, form: Form) -> Result<Option<Reply>, Failure> {
    match command {
        Command::Authority(c) => authority::run(c, form),
        Command::Platform(c) => platform::run(c, form),
        Command::Registrar(c) => registrar::run(c, form),
        Command::Wallet(c) => wallet::run(c, form),
        Command::Verify(v) => verify::run(&v).map(Some),
        Command::Params(c) => params::run(c).map(Some),
        Command::Demo(d) => demo::run(&d, form.json).map(Some),
        Command::Bench(b) => bench::run(&b).map(Some),
        Command::Debug(c) => debug::run(c),
        Command::Explain(e) => explain::run(&e).map(Some),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "veilpass", &mut script);
            outcome::put(&script).map(|()| None)
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
