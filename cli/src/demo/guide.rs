//! What `demo --serve` prints at its end: a story to type, with everything that it needs.

use super::cast::{fault, keep};
use super::people::resident_number;
use super::process::PASSPHRASE;
use super::stage::{Stage, born};
use crate::outcome::{Failure, tell};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use veilpass_protocol::attributes::Sex;
use veilpass_protocol::day::Day;

/// Place of the new person's card number, after those of the people who were enrolled before.
const ORDER: usize = 700;

/// Writes the files that the story needs into the demo's folder, and prints the story.
pub fn print(stage: &Stage) -> Result<(), Failure> {
    let today = Day::of(veilpass_server::http::now());
    let number = resident_number("210102", born(today, 30)?, ORDER, Sex::Female);
    let expires = today.checked_add(3650);
    let card = json!({"type": "resident_number", "number": number, "expires_on": expires});
    keep(&stage.binary, "li-na.json", &format!("{card}\n"))?;
    for (name, token) in [("registrar.token", &stage.registrar), ("forum.token", &stage.forum.token)] {
        let path = keep(&stage.binary, name, &format!("{token}\n"))?;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(fault)?;
    }
    let programs = std::env::current_exe().map_err(fault)?;
    let programs = programs.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let folder = stage.binary.path("");
    let folder = folder.display().to_string();
    let folder = folder.trim_end_matches('/');
    let here = format!(
        "# Read by `. ./here`: where everything is.\n\
         export PATH=\"{programs}:$PATH\"\n\
         export AUTHORITY={} FORUM={} SHOP={}\n\
         export VEILPASS_PASSPHRASE='{PASSPHRASE}'\n\
         export VEILPASS_WALLET=\"{folder}/li-na\"\n",
        stage.url(),
        stage.forum.url(),
        stage.shop.url()
    );
    keep(&stage.binary, "here", &here)?;
    tell!("\nThe servers go on until Ctrl-C:");
    for (name, url) in stage.addresses() {
        tell!("  {name:<10} {url}   (what it can do: {url}/docs/)");
    }
    tell!("  people     {folder}/adult, minor, expired, removed: wallets, passphrase “{PASSPHRASE}”");
    tell!("  tokens     {folder}/registrar.token, forum.token");
    tell!("{}", STORY.replace("FOLDER", folder));
    Ok(())
}

/// The story. Lines that begin with four spaces are typed.
const STORY: &str = r#"
Now you. Open a second terminal and type the lines that begin with four spaces.

    cd FOLDER
    . ./here

You are a registrar. Li Na shows you her identity card:

    veilpass registrar apply --authority $AUTHORITY --token-file registrar.token --operation enrol --document li-na.json

Now you are Li Na. Make a wallet, and then paste the line that the registrar's program prints under 1:

    veilpass wallet new

The wallet shows six words. As the registrar, paste the line under 2, and type these words.
Then the authority renews its list, the servers notice within two seconds, and Li Na's wallet reads it:

    veilpass authority seal --dir authority
    veilpass wallet sync

The Forum asks whether somebody is 18 or older:

    veilpass platform ask --platform $FORUM --token-file forum.token --predicates '{"valid":true,"age":{"at_least":18}}'

As Li Na, paste the line for the wallet and say yes. As the Forum, paste the line for the result.

Ask again with the same line, and answer as a person of 15. The wallet refuses, and Enter declines. The Forum learns
only "declined":

    export VEILPASS_WALLET="$PWD/minor"

Li Na's identity is removed. `wallet show` tells the NUMBER to type; wait two seconds before the last line:

    export VEILPASS_WALLET="$PWD/li-na"
    veilpass wallet show
    veilpass registrar remove --authority $AUTHORITY --token-file registrar.token --reason document_invalid --network-number NUMBER
    veilpass authority seal --dir authority
    veilpass wallet sync

Ask once more and answer as Li Na: her wallet refuses, and says why.
"#;

/// What `--keep` leaves, and how to make a proof of one's own with it.
pub fn kept(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "\nEverything is in {folder}. To ask, answer and check by yourself, type within a day:\n\n\
         export VEILPASS_PASSPHRASE='{PASSPHRASE}'\n\
         veilpass platform request --host forum.localhost --sign {folder}/forum --out request.jwt \\\n  \
         --predicates '{{\"valid\":true,\"age\":{{\"at_least\":18}}}}'\n\
         veilpass wallet present --dir {folder}/adult --request request.jwt --out answer.json --yes\n\
         veilpass verify --request request.jwt --presentation answer.json --epochs {folder}/authority/published \\\n  \
         --authority {folder}/authority/vkey --allow-dev"
    )
}
