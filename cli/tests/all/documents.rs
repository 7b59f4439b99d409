//! The commands of documents, typed as they stand there. Only what a command printed is filled in, and the ports.

use crate::binary::PASSPHRASE;
use crate::server::{Server, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines of the `sh` blocks below a heading, without comments.
fn commands(document: &str, heading: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let section = text.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("{heading}")).1;
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|block| block.split("\n```").next().unwrap());
    let lines =
        blocks.flat_map(str::lines).map(|line| line.split("   #").next().unwrap().trim_end().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// A shell in a folder, with the program on its path and what the commands printed so far.
struct Shell<'a> {
    at: &'a Path,
    environment: BTreeMap<String, String>,
}

impl Shell<'_> {
    fn types(&self, line: &str) -> (bool, String) {
        let program = Path::new(env!("CARGO_BIN_EXE_veilpass")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(self.at)
            .env("PATH", path)
            .env("VEILPASS_PASSPHRASE", PASSPHRASE)
            .envs(&self.environment)
            .output()
            .unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        println!("$ {line}\n{out}{err}");
        (output.status.success(), out)
    }

    /// What a command says with `--json`; its failure fails the test.
    fn json(&self, line: &str) -> Value {
        let (well, out) = self.types(&format!("{line} --json"));
        assert!(well, "{line}");
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{line}: {e}: {out}"))
    }
}

/// docs/operate.md: from an empty folder to the first accepted proof.
#[test]
fn an_operator_comes_to_an_accepted_proof() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    std::fs::copy(root().join("params/keys/attest-v1-dev/attest-v1.vk"), at.join("attest-v1.vk")).unwrap();
    let document = r#"{"type":"resident_number","number":"440301199911130013","expires_on":"2046-06-01"}"#;
    std::fs::write(at.join("document.json"), document).unwrap();
    let mut shell = Shell { at, environment: BTreeMap::new() };
    let mut said: Vec<(&str, String)> = Vec::new();
    let mut servers = Vec::new();
    let mut result = Value::Null;
    for line in commands("docs/operate.md", "Start both on one machine") {
        let line = said.iter().fold(line, |line, (name, value)| line.replace(name, value));
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|set| set.split_once('=')) {
            shell.environment.insert(name.to_owned(), value.to_owned());
            continue;
        }
        if let Some(line) = line.strip_prefix("veilpass ").and_then(|line| line.strip_suffix(".log &")) {
            let (arguments, name) = line.split_once(" 2> ").unwrap();
            let port = if name == "authority" { "127.0.0.1:8443" } else { "127.0.0.1:8444" };
            let listen = |at: &str| format!("--listen {at}");
            let server = Server::start(at, name, &arguments.replace(&listen(port), &listen("127.0.0.1:0")));
            said.push((port, server.address.clone()));
            servers.push(server);
            continue;
        }
        if line == "veilpass wallet sync" {
            // The server publishes within a second or two.
            let tries = (0..50).any(|_| {
                std::thread::sleep(Duration::from_millis(200));
                shell.json(&line)["enrolled"] == true
            });
            assert!(tries, "never in the list");
            continue;
        }
        let more = if line.contains("wallet present") { " --yes" } else { "" };
        result = shell.json(&format!("{line}{more}"));
        let printed = |member: &str| text(&result[member]);
        if line.contains("authority registrar") {
            said.push(("REGISTRAR_TOKEN", printed("token")));
        } else if line.contains("platform keygen") {
            said.extend([("PLATFORM_TOKEN", printed("token")), ("PUBLIC_KEY", printed("key"))]);
        } else if line.contains("registrar apply") {
            said.extend([("--code CODE", format!("--code {}", printed("code")))]);
            said.push(("APPLICATION", printed("application")));
        } else if line.contains("wallet enrol") {
            let words = result["words"].as_array().unwrap().iter().map(text).collect::<Vec<_>>();
            said.push(("SIX WORDS", words.join(" ")));
        } else if line.contains("platform ask") {
            said.extend([("RESULT_TOKEN", printed("result_token")), ("REQUEST_URI", printed("request_uri"))]);
            said.push(("--id ID", format!("--id {}", printed("id"))));
        }
    }
    assert_eq!((servers.len(), &result["state"]), (2, &json!("accepted")));
}

/// docs/notes/README.md: a proof with every file in one's hands. `jq` is replaced, because it need not be there.
#[test]
fn a_researcher_comes_to_an_accepted_proof() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let shell = Shell { at, environment: BTreeMap::new() };
    let first = |file: &str| -> Value {
        let text = std::fs::read_to_string(root().join("tests/vectors/v1").join(file)).unwrap();
        serde_json::from_str(text.lines().next().unwrap()).unwrap()
    };
    let (good, statement) = (first("presentations.jsonl"), first("eval.jsonl"));
    let mut seen = Vec::new();
    for line in commands("docs/notes/README.md", "A first proof, with every file in your hands") {
        let program = line.split(' ').next().unwrap().to_owned();
        let write = |name: &str, text: String| std::fs::write(at.join(name), text).unwrap();
        match line.as_str() {
            "head -1 $V/presentations.jsonl > good.json" => write("good.json", good.to_string()),
            "jq -r .request good.json > request.json" => write("request.json", text(&good["request"])),
            "jq -j '.notes[1]' good.json > 2.note" => write("2.note", text(&good["notes"][1])),
            "jq -r .vkey good.json > vkey" => write("vkey", text(&good["vkey"]) + "\n"),
            "head -1 $V/eval.jsonl | jq -c '{public,private}' > statement.json" => {
                let input = json!({"public": statement["public"], "private": statement["private"]});
                write("statement.json", input.to_string() + "\n");
            }
            "jq -c .private statement.json > private.json" => {
                write("private.json", statement["private"].to_string());
            }
            _ => {
                let line = line
                    .replace("$(jq -r '.public[0]' statement.json)", &text(&statement["public"][0]))
                    .replace("$(jq -r .now good.json)", &text(&good["now"]));
                assert!(line.starts_with("veilpass ") && !line.contains("jq"), "{line}");
                assert!(shell.types(&line).0, "{line}");
            }
        }
        seen.push(program);
    }
    assert_eq!(seen.iter().filter(|program| *program == "veilpass").count(), 5);
    for file in ["snarkjs/proof.json", "circuit/attest-v1.r1cs", "circuit/attest-v1.wtns"] {
        assert!(at.join(file).exists(), "{file}");
    }
}
