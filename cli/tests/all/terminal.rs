//! A passphrase prompt that is interrupted gives the terminal back. `script`, of util-linux, lends the
//! pseudo-terminal.

use crate::binary::{PASSPHRASE, veilpass};
use crate::life::{NOW, Stage};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// How the prompt is ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Typed(&'static str),
    Sent(Signal),
}

/// What stands on the screen when a prompt was ended and the shell asks the terminal how it is.
fn screen(at: &std::path::Path, end: End) -> String {
    let wallet = format!("echo pid=$$; exec '{}' wallet show --dir W", env!("CARGO_BIN_EXE_veilpass"));
    // The shell lives on where Ctrl-C reaches both.
    let shell = "trap : INT QUIT; sh -c \"$WALLET\"; echo exit=$?; stty -a";
    let mut child = Command::new("script")
        .args(["-qefc", shell, "/dev/null"])
        .current_dir(at)
        .env("WALLET", wallet)
        .env("SHELL", "/bin/sh")
        .env_remove("VEILPASS_PASSPHRASE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("`script` of util-linux is needed for this test: {e}"));
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut seen, mut part, mut ended) = (String::new(), [0; 1024], false);
    while let Some(n) = screen.read(&mut part).ok().filter(|n| *n > 0) {
        seen += &String::from_utf8_lossy(&part[..n]);
        if !ended && seen.contains("Passphrase of the wallet: ") {
            ended = true;
            // The prompt is on the screen before the echo is off.
            std::thread::sleep(std::time::Duration::from_millis(300));
            match end {
                End::Typed(keys) => keyboard.write_all(keys.as_bytes()).unwrap(),
                End::Sent(signal) => {
                    let pid = seen.split("pid=").nth(1).and_then(|rest| rest.split_whitespace().next());
                    let pid = Pid::from_raw(pid.unwrap().parse().unwrap()).unwrap();
                    kill_process(pid, signal).unwrap();
                }
            }
        }
    }
    child.wait().unwrap();
    assert!(ended, "nobody was asked: {seen}");
    seen
}

fn echoes(screen: &str) -> bool {
    let settings = screen.split("exit=").nth(1).unwrap_or_else(|| panic!("{screen}"));
    let words: Vec<&str> = settings.split_whitespace().collect();
    assert!(words.contains(&"echo") != words.contains(&"-echo"), "{screen}");
    words.contains(&"echo")
}

#[test]
fn a_prompt_that_ends_early_gives_the_terminal_back() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "wallet new --dir W").ok();
    for (end, exit) in [
        (End::Typed("\u{3}"), "exit=130"),
        (End::Sent(Signal::INT), "exit=130"),
        (End::Sent(Signal::TERM), "exit=143"),
        (End::Sent(Signal::HUP), "exit=129"),
        (End::Typed("wrong\n"), "exit=1"),
    ] {
        let screen = screen(at, end);
        assert!(screen.contains(exit) && echoes(&screen), "{end:?}: {screen}");
    }
    // The control: a program that cannot do anything any more leaves it without echo.
    let killed = screen(at, End::Sent(Signal::KILL));
    assert!(killed.contains("exit=137") && !echoes(&killed), "{killed}");
}

/// Answers a question at a terminal: `ahead` is typed before the program starts, `then` when it asks. What stands
/// on the screen in the end.
fn answered(at: &std::path::Path, ahead: &str, then: &str) -> String {
    let present = format!(
        "sleep 1; '{}' wallet present --dir W --request R --out answer --now {NOW}; echo exit=$?",
        env!("CARGO_BIN_EXE_veilpass")
    );
    let mut child = Command::new("script")
        .args(["-qefc", &present, "/dev/null"])
        .current_dir(at)
        .env("SHELL", "/bin/sh")
        .env("VEILPASS_PASSPHRASE", PASSPHRASE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("`script` of util-linux is needed for this test: {e}"));
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    keyboard.write_all(ahead.as_bytes()).unwrap();
    let (mut seen, mut part, mut asked) = (String::new(), [0; 1024], false);
    while let Some(n) = screen.read(&mut part).ok().filter(|n| *n > 0) {
        seen += &String::from_utf8_lossy(&part[..n]);
        if !asked && seen.contains("Answer? [y/N] ") {
            asked = true;
            std::thread::sleep(std::time::Duration::from_millis(300));
            keyboard.write_all(then.as_bytes()).unwrap();
        }
    }
    child.wait().unwrap();
    assert!(asked, "nobody was asked: {seen}");
    seen
}

/// A `y` that was meant for something else, typed before the question stood there, agrees to nothing.
#[test]
fn what_was_typed_before_a_question_does_not_answer_it() {
    let stage = Stage::set("1999-11-13", "");
    stage.sync();
    stage.request(r#"{"valid":true}"#, "--sign P");
    let written = || std::fs::read_to_string(stage.at().join("answer")).unwrap();

    let no = answered(stage.at(), "y\n", "n\n");
    assert!(no.contains("exit=1") && no.contains("You said no"), "{no}");
    assert_eq!(written(), r#"{"v":1,"declined":true}"#);
    let yes = answered(stage.at(), "n\n", "y\n");
    assert!(yes.contains("exit=0") && written().contains("proof"), "control: {yes}");
}
