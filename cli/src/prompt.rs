//! Secrets that are typed: the terminal does not show them, and shows again what is typed afterwards, also
//! where a signal ends the program in between.

use crate::outcome::{Failure, tell};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use zeroize::Zeroizing;

/// The terminal as it was before the question that is being asked.
static ASKING: Mutex<Option<(File, Termios)>> = Mutex::new(None);
/// Whether [`watch`] runs.
static WATCHED: Mutex<bool> = Mutex::new(false);
/// Whether the program ends itself on SIGINT and SIGTERM.
static HANDLED: AtomicBool = AtomicBool::new(false);

/// The number of the signal that Ctrl-C stands for.
const SIGINT: i32 = 2;

/// Asks for a secret on the terminal.
pub fn secret(question: &str) -> Result<Zeroizing<String>, Failure> {
    let fault = |e| Failure::fault("the terminal", e);
    let terminal = File::options().read(true).write(true).open("/dev/tty").map_err(fault)?;
    let before = tcgetattr(&terminal).map_err(|e| fault(e.into()))?;
    watch().map_err(fault)?;
    *asking() = Some((terminal, before));
    let typed = rpassword::prompt_password(question);
    *asking() = None;
    match typed {
        Ok(typed) => Ok(Zeroizing::new(typed)),
        // Ctrl-C arrives as a letter: while it asks, the terminal sends no signals.
        Err(e) if e.kind() == std::io::ErrorKind::Interrupted => std::process::exit(128 + SIGINT),
        Err(e) => Err(fault(e)),
    }
}

/// Says that from now on the program has handlers of its own for SIGINT and SIGTERM.
pub fn signals_are_handled() {
    HANDLED.store(true, Ordering::Relaxed);
}

fn asking() -> std::sync::MutexGuard<'static, Option<(File, Termios)>> {
    ASKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread that waits for signals, once, and comes back when it does.
fn watch() -> std::io::Result<()> {
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*watched {
        let (ready, begun) = sync_channel(1);
        std::thread::Builder::new().name("signals".into()).spawn(move || wait(&ready))?;
        begun.recv().unwrap_or_else(|_| Err(std::io::Error::other("signals cannot be waited for")))?;
        *watched = true;
    }
    Ok(())
}

fn wait(ready: &SyncSender<std::io::Result<()>>) {
    let listening = async {
        let kinds =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
        let signals: std::io::Result<Vec<Signal>> = kinds.into_iter().map(signal).collect();
        let [mut interrupt, mut terminate, mut hangup, mut quit] = match signals.map(<[Signal; 4]>::try_from)
        {
            Ok(Ok(signals)) => signals,
            Ok(Err(_)) => return,
            Err(e) => {
                _ = ready.send(Err(e));
                return;
            }
        };
        if ready.send(Ok(())).is_err() {
            return;
        }
        loop {
            let (number, ours) = tokio::select! {
                _ = interrupt.recv() => (SIGINT, true),
                _ = terminate.recv() => (15, true),
                _ = hangup.recv() => (1, false),
                _ = quit.recv() => (3, false),
            };
            end(number, ours);
        }
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(listening),
        Err(e) => _ = ready.send(Err(e)),
    }
}

/// Gives the terminal back and ends the program with the code that shells show for this signal. Between two
/// questions a program that handles the signal goes on to its own end.
fn end(number: i32, handled: bool) {
    let asking = asking().take();
    if asking.is_none() && handled && HANDLED.load(Ordering::Relaxed) {
        return;
    }
    if let Some((terminal, before)) = asking {
        // Where the terminal has gone, nothing is to be given back.
        let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
        tell!("");
    }
    std::process::exit(128 + number);
}
