//! People made up for the tests, and a registry in a folder of its own.

use rand::SeedableRng;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::circuit_id::ATTEST_V1;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::{Fr, from_digest, to_hex};
use veilpass_protocol::identity::leaf;
use veilpass_protocol::tree::Tree;
use veilpass_server::RegistryError;
use veilpass_server::authority::{Authority, Epoch, ImportReport, PlaceOrder};
use veilpass_verifier::{KeyPoints, Origin, VerifyingKey};

pub const HEADER: &str = "identity_commitment,device_commitment,document_number,birth_date,expires_on,enrolled_on,sex,document_class,nationality,province,generation";
pub const ORIGIN: &str = "id.example/veilpass";

/// 2026-11-22T08:00:00Z and so many seconds.
pub fn at(seconds: u64) -> Timestamp {
    "2026-11-22T08:00:00Z".parse::<Timestamp>().unwrap().plus(seconds)
}

/// A row of an import file.
#[derive(Clone, Debug)]
pub struct Person {
    pub c: String,
    pub d: String,
    pub number: String,
    pub birth: String,
    pub expires: String,
    pub enrolled: String,
    pub sex: String,
    pub class: String,
    pub nationality: String,
    pub province: String,
    pub generation: String,
}

/// The check character of GB 11643 by ISO 7064 MOD 11-2, worked out digit by digit.
pub fn with_check(digits: &str) -> String {
    let sum = digits.bytes().fold(0u32, |p, b| (p + u32::from(b - b'0')) * 2 % 11);
    let check = (12 - sum) % 11;
    format!("{digits}{}", if check == 10 { "X".to_owned() } else { check.to_string() })
}

fn commitment(text: &str) -> String {
    to_hex(&from_digest(&Sha256::digest(text).into()))
}

/// The `i`-th person: nine of ten with a resident card, the others with a foreign passport.
pub fn person(i: usize) -> Person {
    let birth = Day::from_ymd(1950, 1, 1).unwrap().checked_add(i as i64 / 1000 * 37 % 20000).unwrap();
    let (expires, generation) = (format!("20{:02}-06-01", 20 + i % 60), (i % 7 / 6).to_string());
    let common = Person {
        c: commitment(&format!("C{i}")),
        d: commitment(&format!("D{i}")),
        number: format!("E{i:08}"),
        birth: birth.to_string(),
        expires: if i % 11 == 3 { String::new() } else { expires },
        enrolled: format!("2024-{:02}-06", 1 + i % 12),
        sex: ["unknown", "not_applicable"][i % 2].into(),
        class: "foreign_passport".into(),
        nationality: (1 + i % 999).to_string(),
        province: "0".into(),
        generation,
    };
    if i % 10 == 9 {
        return common;
    }
    let (region, province) = [("440301", "44"), ("110105", "11"), ("310101", "31")][i % 3];
    let order = i % 1000;
    Person {
        number: with_check(&format!("{region}{}{order:03}", birth.to_string().replace('-', ""))),
        sex: if order % 2 == 1 { "male" } else { "female" }.into(),
        class: "resident_card".into(),
        nationality: "156".into(),
        province: province.into(),
        ..common
    }
}

pub fn people(range: std::ops::Range<usize>) -> Vec<Person> {
    range.map(person).collect()
}

impl Person {
    pub fn csv(&self) -> String {
        let Person { c, d, number, birth, expires, enrolled, sex, class, nationality, province, generation } =
            self;
        format!(
            "{c},{d},{number},{birth},{expires},{enrolled},{sex},{class},{nationality},{province},{generation}"
        )
    }

    pub fn json(&self) -> String {
        let Person { c, d, number, birth, enrolled, sex, class, nationality, province, generation, .. } =
            self;
        let expires = if self.expires.is_empty() { "null".into() } else { format!("\"{}\"", self.expires) };
        format!(
            r#"{{"identity_commitment":"{c}","device_commitment":"{d}","document_number":"{number}","birth_date":"{birth}","expires_on":{expires},"enrolled_on":"{enrolled}","sex":"{sex}","document_class":"{class}","nationality":{nationality},"province":{province},"generation":{generation}}}"#
        )
    }

    pub fn attributes(&self) -> Attributes {
        Attributes {
            birth_date: self.birth.parse().unwrap(),
            expires_on: Some(&self.expires).filter(|e| !e.is_empty()).map(|e| e.parse().unwrap()),
            enrolled_on: self.enrolled.parse().unwrap(),
            sex: self.sex.parse().unwrap(),
            document_class: self.class.parse().unwrap(),
            nationality: self.nationality.parse().unwrap(),
            province: self.province.parse().unwrap(),
            generation: self.generation.parse().unwrap(),
        }
    }

    pub fn leaf(&self) -> Fr {
        let field = |hex| veilpass_protocol::field::from_hex(hex).unwrap();
        leaf(&field(&self.c), &field(&self.d), &self.attributes().pack(), &Fr::default())
    }
}

pub fn csv_file(people: &[Person]) -> String {
    let rows: String = people.iter().map(|p| p.csv() + "\n").collect();
    format!("{HEADER}\n{rows}")
}

/// The root of the people in their order from place 0 on.
pub fn root_of(people: &[Person]) -> Fr {
    Tree::from_leaves(people.iter().map(Person::leaf).collect()).root()
}

/// The development key.
pub fn key_file() -> Vec<u8> {
    include_bytes!("../../../params/keys/attest-v1-dev/attest-v1.vk").to_vec()
}

/// The same points under another mark: another file, another id.
pub fn other_key_file() -> Vec<u8> {
    let key = VerifyingKey::from_bytes(&key_file()).unwrap();
    VerifyingKey::from_points(ATTEST_V1, Origin::Ceremony, key.points().clone()).to_bytes()
}

/// A well-formed key that lets anybody forge proofs: δ = γ.
pub fn unsafe_key_file() -> Vec<u8> {
    let key = VerifyingKey::from_bytes(&key_file()).unwrap();
    let points = KeyPoints { delta_g2: key.points().gamma_g2, ..key.points().clone() };
    VerifyingKey::from_points(ATTEST_V1, Origin::Dev, points).to_bytes()
}

/// A registry in a temporary folder.
pub struct Fixture {
    pub home: TempDir,
    pub authority: Authority,
    pub rng: StdRng,
}

impl Fixture {
    pub async fn new(seed: u64) -> Fixture {
        let home = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(seed);
        let folder = home.path().join("authority");
        let authority = Authority::init(&folder, ORIGIN, &[key_file()], &mut rng).await.unwrap();
        Fixture { home, authority, rng }
    }

    pub fn folder(&self) -> PathBuf {
        self.home.path().join("authority")
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub async fn import_file(
        &mut self,
        file: &Path,
        out: Option<&Path>,
    ) -> Result<ImportReport, RegistryError> {
        self.authority.import(file, out, at(0), &mut self.rng, &mut |_| ()).await
    }

    pub async fn import_text(&mut self, name: &str, text: &str) -> ImportReport {
        let file = self.file(name, text);
        self.import_file(&file, None).await.unwrap()
    }

    pub async fn import(&mut self, people: &[Person]) -> ImportReport {
        self.import_text("people.csv", &csv_file(people)).await
    }

    pub async fn seal(&mut self, seconds: u64) -> Epoch {
        self.authority.seal(at(seconds), PlaceOrder::AsAccepted, &mut self.rng).await.unwrap()
    }

    /// A direct look into the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let store = veilpass_server::store::sqlite::SqliteStore::open(&self.folder().join("authority.db"))
            .await
            .unwrap();
        let (n,): (i64,) = sqlx::query_as(sql).fetch_one(store.pool()).await.unwrap();
        n
    }
}

/// What an import found wrong: line and code.
pub fn codes(report: &ImportReport) -> Vec<(u64, &'static str)> {
    report.rejected.iter().map(|r| (r.line, r.code.as_str())).collect()
}
