//! A person at a terminal, played by a script: `script`, of util-linux, lends the pseudo-terminal.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where the wallet asks, and what somebody types who wants nothing to be answered.
const PROMPTS: [(&str, &str); 2] = [("[y/N] ", "n\n"), ("answer later. ", "\n")];

/// Runs `veilpass …` in a terminal. Whatever it asks is declined, after so much thought; what stood on the
/// screen comes back.
pub fn declines(at: &Path, line: &str, thought: Duration) -> String {
    let mut child = Command::new("script")
        .args(["-qefc", &format!("'{}' {line}", env!("CARGO_BIN_EXE_veilpass")), "/dev/null"])
        .current_dir(at)
        .env("VEILPASS_PASSPHRASE", crate::binary::PASSPHRASE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("`script` of util-linux is needed for this test: {e}"));
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut seen, mut part, mut answered) = (String::new(), [0; 1024], 0);
    while let Some(n) = screen.read(&mut part).ok().filter(|n| *n > 0) {
        seen += &String::from_utf8_lossy(&part[..n]);
        let asked = PROMPTS.iter().filter_map(|(prompt, typed)| {
            seen[answered..].find(prompt).map(|at| (answered + at + prompt.len(), typed))
        });
        if let Some((end, typed)) = asked.min_by_key(|(end, _)| *end) {
            answered = end;
            std::thread::sleep(thought);
            keyboard.write_all(typed.as_bytes()).unwrap();
        }
    }
    child.wait().unwrap();
    assert!(answered > 0, "nobody was asked: {seen}");
    seen
}
