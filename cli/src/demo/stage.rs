//! The stage: an authority with everybody enrolled and two epochs sealed, two platforms, four wallets.

use super::Table;
use super::cast::{Holder, Platform, Web, fault, keep};
use super::people::{Person, import_file, resident_number};
use super::process::{Binary, Running, Secret, accepted};
use super::seen::{Seen, look};
use crate::outcome::Failure;
use rand::rngs::OsRng;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use veilpass_protocol::attributes::Sex;
use veilpass_protocol::day::{Day, birth_limit};
use veilpass_server::client::{Client, ClientSettings};

/// Seconds for which the forum accepts a replaced epoch: long enough to show it, short enough to wait.
pub const GRACE: u64 = 15;

/// Everybody and everything.
pub struct Stage {
    pub binary: Binary,
    pub web: Web,
    pub authority: Running,
    pub vkey: String,
    pub registrar: String,
    pub forum: Platform,
    pub shop: Platform,
    pub adult: Holder,
    pub minor: Holder,
    pub expired: Holder,
    pub removed: Holder,
    /// Network Number of the person who is removed.
    pub removed_number: String,
    /// The newest epoch.
    pub epoch: Value,
    /// Values by which the authority knows people: commitments and Network Numbers.
    pub known: Vec<String>,
}

impl Stage {
    /// Makes and starts everything.
    pub fn set(binary: Binary, count: usize, table: &Table) -> Result<Stage, Failure> {
        let today = Day::of(veilpass_server::http::now());
        let web = Web(Client::new(ClientSettings::default()).map_err(fault)?);
        let init = ["authority", "init", "--dir", "authority", "--origin", "demo.example/veilpass"];
        let vkey = text(&binary.done("authority", init)?, "vkey")?;
        let registrar = ["authority", "registrar", "--dir", "authority", "--name", "Town hall"];
        let registrar = text(&binary.done("authority", registrar)?, "token")?;

        let begun = Instant::now();
        let expired = Holder::new(&binary, "expired")?;
        let known = import(&binary, count, &expired, today)?;
        let seal = ["authority", "seal", "--dir", "authority"];
        let epoch = binary.done("authority", seal)?;
        table.say(&format!(
            "  {count} people imported from a file and sealed in {} ms",
            begun.elapsed().as_millis()
        ));

        let (forum, shop) = (Platform::new(&binary, "forum")?, Platform::new(&binary, "shop")?);
        for (platform, name) in [(&forum, "The Forum"), (&shop, "The Shop")] {
            let entry = [
                "authority",
                "platform",
                "--dir",
                "authority",
                "--host",
                &platform.host,
                "--key",
                &platform.key,
                "--name",
                name,
                "--purposes",
                "to let adults in",
            ];
            binary.done("authority", entry)?;
        }
        let serve =
            ["authority", "serve", "--dir", "authority", "--listen", "127.0.0.1:0", "--seal-every", "0"];
        let authority = binary.serve("authority", serve)?;
        let mut stage = Stage {
            adult: Holder::new(&binary, "adult")?,
            minor: Holder::new(&binary, "minor")?,
            removed: Holder::new(&binary, "removed")?,
            expired,
            binary,
            web,
            authority,
            vkey,
            registrar,
            epoch,
            known,
            removed_number: String::new(),
            forum,
            shop,
        };
        stage.enrol(today, table)?;
        stage.epoch = stage.binary.done("authority", seal)?;
        stage.wait_until_published()?;
        let (url, vkey) = (stage.url(), stage.vkey.clone());
        stage.forum.start(&stage.binary, &vkey, &url, GRACE)?;
        stage.shop.start(&stage.binary, &vkey, &url, GRACE)?;
        stage.sync(table)?;
        Ok(stage)
    }

    /// The authority's address.
    pub fn url(&self) -> String {
        format!("http://authority.localhost:{}", self.authority.port())
    }

    /// Every server and where it is.
    pub fn addresses(&self) -> [(&'static str, String); 3] {
        [("authority", self.url()), (self.forum.actor, self.forum.url()), (self.shop.actor, self.shop.url())]
    }

    /// Stops all servers and looks at what they leave.
    pub fn end(mut self) -> Result<Seen, Failure> {
        self.forum.stop()?;
        self.shop.stop()?;
        self.authority.stop()?;
        look(&self.binary, self.known)
    }

    /// The number and root of the newest epoch.
    pub fn newest(&self) -> Result<(u64, String), Failure> {
        let epoch = self.epoch["epoch"].as_u64().ok_or_else(|| fault("no epoch"))?;
        Ok((epoch, text(&self.epoch, "root")?))
    }

    /// The server notices within a second what another process has sealed.
    fn wait_until_published(&self) -> Result<(), Failure> {
        let (epoch, _) = self.newest()?;
        let begun = Instant::now();
        while self.web.get(&format!("{}/readyz", self.url()), None)?.1["epoch"] != json!(epoch) {
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(Failure::fault("authority", format!("epoch {epoch} was not published in time")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Three people come to the registrar, who examines a document and confirms the pairing words that
    /// their wallets show.
    fn enrol(&mut self, today: Day, table: &Table) -> Result<(), Failure> {
        let begun = Instant::now();
        let url = self.url();
        let people =
            [(&self.adult, 30, Sex::Female), (&self.minor, 15, Sex::Male), (&self.removed, 50, Sex::Male)];
        for (running, (holder, age, sex)) in people.into_iter().enumerate() {
            let number = resident_number("210102", born(today, age)?, running, sex);
            let expires = today.checked_add(3650);
            let document =
                json!({"type": "resident_number", "number": number, "expires_on": expires}).to_string();
            let secret = Secret { token: Some(&self.registrar), input: &document };
            let apply =
                ["registrar", "apply", "--authority", &url, "--operation", "enrol", "--document", "-"];
            let made = accepted("registrar", self.binary.run("registrar", &secret, apply)?)?;
            let (id, code) = (text(&made, "application")?, text(&made, "code")?);
            let enrol = ["wallet", "enrol", "--dir", holder.actor, "--authority", &url, "--code", &code];
            let credential = self.binary.done(holder.actor, enrol)?;
            let words: Vec<&str> =
                credential["words"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let words = words.join(" ");
            let confirm =
                ["registrar", "confirm", "--authority", &url, "--application", &id, "--words", &words];
            let secret = Secret { token: Some(&self.registrar), input: "" };
            accepted("registrar", self.binary.run("registrar", &secret, confirm)?)?;
            let number = text(&credential["credential"], "network_number")?;
            self.known.extend(holder.commitments.iter().cloned());
            self.known.push(number.clone());
            // The last of the three.
            self.removed_number = number;
        }
        table.say(&format!(
            "  3 people enrolled by a registrar, with code and pairing words, in {} ms",
            begun.elapsed().as_millis()
        ));
        Ok(())
    }

    /// The four wallets read the tree.
    fn sync(&self, table: &Table) -> Result<(), Failure> {
        let begun = Instant::now();
        for holder in [&self.adult, &self.minor, &self.expired, &self.removed] {
            if !holder.sync(&self.binary, &self.url(), &self.vkey)? {
                return Err(Failure::fault(holder.actor, "did not find its leaf"));
            }
        }
        table.say(&format!(
            "  4 wallets found their leaves in {} ms, without naming them",
            begun.elapsed().as_millis()
        ));
        Ok(())
    }
}

/// In the middle of a year of life, so that no birthday is near (W5).
pub fn born(today: Day, age: u32) -> Result<Day, Failure> {
    let day = birth_limit(today, age).and_then(|d| d.checked_add(-180));
    day.ok_or_else(|| fault("the clock is too early"))
}

/// Imports everybody, one of them with a wallet and a card that has expired. Gives what the authority
/// knows them by.
fn import(binary: &Binary, count: usize, expired: &Holder, today: Day) -> Result<Vec<String>, Failure> {
    let mut people = vec![Person {
        commitments: expired.commitments.clone(),
        born: born(today, 40)?,
        expires: today.checked_add(-10),
    }];
    people.extend((people.len()..count).map(|_| Person::anybody(today, &mut OsRng)));
    let enrolled = today.checked_add(-400).ok_or_else(|| fault("the clock is too early"))?;
    keep(binary, "people.csv", &import_file(&people, enrolled, &mut OsRng))?;
    let arguments =
        ["authority", "import", "--dir", "authority", "people.csv", "--credentials", "credentials.jsonl"];
    let report = binary.done("authority", arguments)?;
    if report["added"].as_u64() != Some(count as u64) {
        return Err(fault(format!("not everybody was imported: {report}")));
    }
    let credentials = std::fs::read_to_string(binary.path("credentials.jsonl")).map_err(fault)?;
    let mut known: Vec<String> = people.into_iter().flat_map(|p| p.commitments).collect();
    for line in credentials.lines() {
        let credential: Value = serde_json::from_str(line).map_err(fault)?;
        known.push(text(&credential, "network_number")?);
        if credential["identity_commitment"] == json!(expired.commitments[0]) {
            keep(binary, "expired.json", line)?;
        }
    }
    binary
        .done(expired.actor, ["wallet", "enrol", "--dir", expired.actor, "--credential", "expired.json"])?;
    Ok(known)
}

/// A member that is a text.
pub fn text(value: &Value, name: &str) -> Result<String, Failure> {
    let found = value[name].as_str().map(str::to_owned);
    found.ok_or_else(|| fault(format!("`{name}` is missing in what a command answered")))
}
