//! `fuzz`: runs targets with the ordinary toolchain. See `fuzz/README.md`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use veilpass_fuzz::runner::{Limits, Report, judge, run};
use veilpass_fuzz::{Target, corpus, target, targets};

const USAGE: &str = "fuzz COMMAND

  run [--full] [--target T]… [--executions N] [--seconds S] [--seed N] [--threads N]
        replays the corpora, then runs mutations of them: the short run, or the full one
  seeds                  writes what the corpora begin with into fuzz/corpus
  judge T FILE…          runs files by one target, such as crashes of libFuzzer
  list                   names the targets";

/// What the command line says.
struct Settings {
    full: bool,
    targets: Vec<&'static Target>,
    executions: Option<u64>,
    seconds: Option<u64>,
    seed: u64,
    threads: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["run", rest @ ..] => settings(rest).and_then(|settings| run_all(&settings)),
        ["seeds"] => write_seeds(),
        ["judge", name, files @ ..] => judge_files(name, files),
        ["list"] => {
            targets::ALL.iter().for_each(|target| println!("{}", target.name));
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn named(name: &str) -> Result<&'static Target, String> {
    target(name).ok_or_else(|| format!("no target is called {name}"))
}

fn settings(mut words: &[&str]) -> Result<Settings, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut settings =
        Settings { full: false, targets: Vec::new(), executions: None, seconds: None, seed: 1, threads };
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
    loop {
        words = match words {
            [] => break,
            ["--full", rest @ ..] => {
                settings.full = true;
                rest
            }
            ["--target", name, rest @ ..] => {
                settings.targets.push(named(name)?);
                rest
            }
            ["--executions", n, rest @ ..] => {
                settings.executions = Some(number(n)?);
                rest
            }
            ["--seconds", n, rest @ ..] => {
                settings.seconds = Some(number(n)?);
                rest
            }
            ["--seed", n, rest @ ..] => {
                settings.seed = number(n)?;
                rest
            }
            ["--threads", n, rest @ ..] => {
                settings.threads = number(n)?.max(1) as usize;
                rest
            }
            _ => return Err(USAGE.to_owned()),
        };
    }
    if settings.targets.is_empty() {
        settings.targets = targets::ALL.iter().collect();
    }
    Ok(settings)
}

fn run_all(settings: &Settings) -> Result<(), String> {
    println!("seed {}", settings.seed);
    println!(
        "{:<20} {:>6} {:>11} {:>8} {:>10} {:>11} {:>9}",
        "target", "corpus", "executions", "seconds", "accepted", "rejected", "slowest"
    );
    let next = AtomicUsize::new(0);
    let problems: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let complain = |problem: String| problems.lock().unwrap_or_else(|e| e.into_inner()).push(problem);
    std::thread::scope(|scope| {
        for _ in 0..settings.threads {
            scope.spawn(|| {
                while let Some(target) = settings.targets.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let limits = Limits {
                        executions: settings.executions.unwrap_or(if settings.full {
                            target.full
                        } else {
                            target.short
                        }),
                        time: settings.seconds.map(Duration::from_secs),
                    };
                    match corpus::inputs(target, &corpus::folder()) {
                        Ok(inputs) => tell(target, &run(target, &inputs, settings.seed, limits), &complain),
                        Err(e) => complain(format!("{}: {e}", target.name)),
                    }
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap_or_else(|e| e.into_inner());
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn tell(target: &Target, report: &Report, complain: &dyn Fn(String)) {
    println!(
        "{:<20} {:>6} {:>11} {:>8.1} {:>10} {:>11} {:>6} ms",
        target.name,
        report.corpus,
        report.executions,
        report.seconds,
        report.accepted,
        report.rejected,
        report.slowest.as_millis()
    );
    if report.accepted == 0 {
        complain(format!("{}: nothing was accepted, so nothing was tried", target.name));
    }
    if let Some(crash) = &report.crash {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/crashes")).join(target.name);
        let kept = corpus::keep(&folder, &crash.input);
        let kept = kept.map_or_else(|e| e.to_string(), |path| path.display().to_string());
        complain(format!("{}: {}\n  {kept}", target.name, crash.message));
    }
}

fn write_seeds() -> Result<(), String> {
    for target in targets::ALL {
        for seed in (target.seeds)() {
            corpus::keep(&corpus::folder().join(target.name), &seed)
                .map_err(|e| format!("{}: {e}", target.name))?;
        }
    }
    Ok(())
}

fn judge_files(name: &str, files: &[&str]) -> Result<(), String> {
    let target = named(name)?;
    for file in files {
        let input = std::fs::read(file).map_err(|e| format!("{file}: {e}"))?;
        match judge(target, &input) {
            Ok(verdict) => println!("{file}: {verdict:?}"),
            Err(said) => return Err(format!("{file}: {said}")),
        }
    }
    Ok(())
}
