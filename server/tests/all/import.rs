//! Imports: forms, every code, repetition, credentials.

use crate::people::{Fixture, HEADER, Person, at, codes, csv_file, people, person, root_of, with_check};
use rand::rngs::StdRng;
use rand::{CryptoRng, RngCore, SeedableRng};
use std::path::Path;
use veilpass_protocol::credential::Credential;
use veilpass_server::RegistryError;
use veilpass_server::authority::ImportProgress;
use veilpass_server::store::StoreError;

fn counts(report: &veilpass_server::authority::ImportReport) -> (u64, u64, u64, usize) {
    (report.read, report.added, report.already, report.rejected.len())
}

#[tokio::test]
async fn both_forms_give_the_same_registry() {
    let all = people(0..60);
    let json: String = all.iter().map(|p| p.json() + "\n").collect();
    let crlf = csv_file(&all).replace('\n', "\r\n");
    let marked = format!("\u{feff}{}", csv_file(&all));
    let quoted: String = all.iter().map(|p| format!("\"{}\"\n", p.csv().replace(',', "\",\""))).collect();
    for (name, text) in [
        ("a.csv", csv_file(&all)),
        ("a.jsonl", json.clone()),
        ("a.txt", csv_file(&all)),
        ("rows", json),
        ("b.CSV", crlf),
        ("c.csv", marked),
        ("d.csv", format!("{HEADER}\n{quoted}")),
        ("e.csv", csv_file(&all).replace('\n', "\n\n")),
        ("f.csv", csv_file(&all).trim_end().to_owned()),
    ] {
        let mut fixture = Fixture::new(1).await;
        let report = fixture.import_text(name, &text).await;
        assert_eq!(counts(&report), (60, 60, 0, 0), "{name}: {report:?}");
        assert_eq!(fixture.seal(0).await.statement.root, root_of(&all), "{name}");
    }
}

#[tokio::test]
async fn twice_gives_already_live_or_pending() {
    let mut fixture = Fixture::new(2).await;
    let all = people(0..30);
    assert_eq!(counts(&fixture.import(&all).await), (30, 30, 0, 0));
    assert_eq!(counts(&fixture.import(&all).await), (30, 0, 30, 0));
    fixture.seal(0).await;
    assert_eq!(counts(&fixture.import(&all).await), (30, 0, 30, 0));
    assert_eq!(fixture.seal(1).await.statement.live, 30);
    let twice: Vec<Person> = people(20..40).into_iter().flat_map(|p| [p.clone(), p]).collect();
    assert_eq!(counts(&fixture.import(&twice).await), (40, 10, 30, 0));
}

/// One row with one fault at a time, in both forms.
#[tokio::test]
async fn every_code() {
    let mut fixture = Fixture::new(3).await;
    fixture.import(&people(0..3)).await;
    let (known, other) = (person(0), person(1));
    let card = person(300);
    let passport = person(309);
    type Change = fn(&mut Person, &Person);
    let cases: &[(&str, bool, Change)] = &[
        ("commitment_invalid", true, |p, _| p.c = "0".repeat(64)),
        ("commitment_invalid", true, |p, _| p.d = "0".repeat(64)),
        ("commitment_invalid", true, |p, _| p.c = p.d.clone()),
        ("commitment_invalid", true, |p, _| p.c = p.c.to_uppercase()),
        ("commitment_invalid", true, |p, _| p.d = "".into()),
        ("commitment_invalid", true, |p, _| {
            p.c = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001".into();
        }),
        ("birth_date", true, |p, _| p.birth = "1999-02-29".into()),
        ("birth_date", true, |p, _| p.birth = "".into()),
        ("birth_date", true, |p, _| p.birth = "1799-12-31".into()),
        ("birth_date", true, |p, _| p.birth = "19991113".into()),
        ("birth_date", true, |p, _| p.birth = "2026-11-23".into()),
        ("expires_on", true, |p, _| p.expires = "2046-13-01".into()),
        ("expires_on", true, |p, _| p.expires = "never".into()),
        ("expires_on", true, |p, _| p.expires = "1949-12-31".into()),
        ("enrolled_on", true, |p, _| p.enrolled = "2026-11-23".into()),
        ("enrolled_on", true, |p, _| p.enrolled = "".into()),
        ("enrolled_on", true, |p, _| p.enrolled = "1949-12-31".into()),
        ("attribute_range", true, |p, _| p.sex = "Male".into()),
        ("attribute_range", true, |p, _| p.class = "visa".into()),
        ("attribute_range", true, |p, _| p.nationality = "0".into()),
        ("attribute_range", true, |p, _| p.nationality = "1000".into()),
        ("attribute_range", true, |p, _| p.nationality = "65692".into()),
        ("attribute_range", true, |p, _| p.province = "100".into()),
        ("attribute_range", true, |p, _| p.province = "-1".into()),
        ("attribute_range", true, |p, _| p.generation = "255".into()),
        ("attribute_range", true, |p, _| p.generation = "256".into()),
        ("row_syntax", true, |p, _| p.generation = "1.0".into()),
        ("row_syntax", true, |p, _| p.generation = "0x1".into()),
        ("row_syntax", false, |p, _| p.nationality = "".into()),
        ("row_syntax", false, |p, _| p.nationality = " 156".into()),
        ("row_syntax", false, |p, _| p.nationality = "0156".into()),
        ("row_syntax", false, |p, _| p.number = "A,B".into()),
        ("document_used", true, |p, known| p.number = known.number.clone()),
        ("commitment_used", true, |p, known| p.c = known.c.clone()),
        ("commitment_used", true, |p, known| p.d = known.d.clone()),
        ("commitment_used", true, |p, known| p.c = known.d.clone()),
        ("commitment_used", true, |p, known| p.d = known.c.clone()),
    ];
    for (code, in_json, change) in cases {
        let (mut bad, known) = (card.clone(), &known);
        change(&mut bad, known);
        if *code == "document_used" {
            bad = Person { c: card.c.clone(), d: card.d.clone(), ..known.clone() };
        }
        let report = fixture.import(&[bad.clone()]).await;
        assert_eq!((counts(&report), codes(&report)), ((1, 0, 0, 1), vec![(2, *code)]), "{bad:?}");
        if *in_json {
            let report = fixture.import_text("bad.jsonl", &bad.json()).await;
            assert_eq!(codes(&report), [(1, *code)], "{}", bad.json());
        }
    }
    type Fault = (&'static str, fn(&mut Person));
    let documents: [Fault; 8] = [
        ("check character", |p| p.number.replace_range(17.., "Y")),
        ("another person's", |p| p.number = with_check("44030119500101999")),
        ("birth date", |p| p.birth = "1950-01-02".into()),
        ("sex", |p| p.sex = "unknown".into()),
        ("sex", |p| p.sex = "male".into()),
        ("province", |p| p.province = "12".into()),
        ("province", |p| p.province = "0".into()),
        ("region", |p| p.number = with_check("99030119500101300")),
    ];
    for (what, change) in documents {
        let mut bad = card.clone();
        change(&mut bad);
        assert_eq!(codes(&fixture.import(&[bad]).await), [(2, "document_invalid")], "{what}");
    }
    for number in ["", "e1", "E 1", "E-1", "Ä1", &"1".repeat(33)] {
        let bad = Person { number: number.into(), ..passport.clone() };
        assert_eq!(codes(&fixture.import(&[bad]).await), [(2, "document_invalid")], "{number}");
    }
    // The same person with another expiry date is another leaf.
    let renewed = Person { expires: "2050-01-01".into(), ..other.clone() };
    assert_eq!(codes(&fixture.import(&[renewed]).await), [(2, "document_used")]);
    // What is refused leaves no trace: the good row is still good.
    assert_eq!(counts(&fixture.import(&[card, passport]).await), (2, 2, 0, 0));
}

/// A resident number belongs to one class of document, and is checked in every row that bears one.
#[tokio::test]
async fn whose_a_resident_number_is() {
    let mut fixture = Fixture::new(31).await;
    let row = |i: usize, class: &str, number: &str, nationality: &str, province: &str| Person {
        class: class.into(),
        number: number.into(),
        birth: "1990-01-01".into(),
        expires: String::new(),
        sex: "male".into(),
        nationality: nationality.into(),
        province: province.into(),
        ..person(i)
    };
    let permit = with_check("81000019900101001");
    let foreigner = with_check("91112419900101001");
    let citizen = with_check("44030119900101001");
    let female = with_check("81000019900101002");
    let refused = [
        ("that of a residence_permit", row(1, "resident_card", &permit, "156", "81")),
        ("that of a residence_permit", row(1, "national_passport", &permit, "156", "0")),
        ("that of a residence_permit", row(1, "foreign_passport", &permit, "344", "0")),
        ("that of a residence_permit", row(1, "permanent_residence", &permit, "344", "81")),
        ("that of a permanent_residence", row(1, "resident_card", &foreigner, "124", "11")),
        ("that of a permanent_residence", row(1, "national_passport", &foreigner, "156", "0")),
        ("that of a permanent_residence", row(1, "residence_permit", &foreigner, "156", "11")),
        ("that of a resident_card", row(1, "residence_permit", &citizen, "156", "44")),
        ("that of a resident_card", row(1, "hk_macao_permit", &citizen, "156", "0")),
        ("that of a resident_card", row(1, "foreign_passport", &citizen, "124", "0")),
        ("the sex", row(1, "residence_permit", &female, "156", "81")),
        ("the province", row(1, "residence_permit", &permit, "156", "0")),
        ("the province", row(1, "permanent_residence", &foreigner, "124", "0")),
        ("the nationality", row(1, "permanent_residence", &foreigner, "840", "11")),
        ("the last character", row(1, "residence_permit", &format!("{}5", &permit[..17]), "156", "81")),
        ("the last character", row(1, "permanent_residence", &format!("{}6", &foreigner[..17]), "124", "11")),
        ("no province", row(1, "residence_permit", &with_check("84000019900101001"), "156", "84")),
        ("capital X", row(1, "resident_card", "11010519491231002x", "156", "11")),
    ];
    for (words, bad) in refused {
        assert!(!bad.number.ends_with(['5', '6']) || with_check(&bad.number[..17]) != bad.number);
        let report = fixture.import(std::slice::from_ref(&bad)).await;
        assert_eq!(codes(&report), [(2, "document_invalid")], "{words} {bad:?}");
        assert!(report.rejected[0].detail.contains(words), "{words}: {}", report.rejected[0].detail);
    }
    let good = [
        row(1, "residence_permit", &permit, "156", "81"),
        row(2, "permanent_residence", &foreigner, "124", "11"),
        row(3, "resident_card", &citizen, "156", "44"),
        // The forms before.
        row(4, "residence_permit", "H1234567", "156", "0"),
        row(5, "permanent_residence", "CAN110090010101", "124", "0"),
    ];
    assert_eq!(counts(&fixture.import(&good).await), (5, 5, 0, 0));
    // The number is the person, whatever document of the group bears it.
    let again = [
        row(6, "hk_macao_permit", &permit, "156", "0"),
        row(7, "foreign_passport", &foreigner, "124", "0"),
        row(8, "national_passport", &citizen, "156", "0"),
    ];
    let used = [(2, "document_used"), (3, "document_used"), (4, "document_used")];
    assert_eq!(codes(&fixture.import(&again).await), used);
}

/// Of several faults the first in the order of checks is named.
#[tokio::test]
async fn the_first_fault_is_named() {
    let mut fixture = Fixture::new(4).await;
    fixture.import(&people(0..1)).await;
    let mut bad = person(0);
    bad.c = person(1).c;
    type Repair = (&'static str, fn(&mut Person, &Person));
    let repairs: [Repair; 8] = [
        ("row_syntax", |p, good| p.generation = good.generation.clone()),
        ("commitment_invalid", |p, good| p.d = good.d.clone()),
        ("birth_date", |p, good| p.birth = good.birth.clone()),
        ("expires_on", |p, good| p.expires = good.expires.clone()),
        ("enrolled_on", |p, good| p.enrolled = good.enrolled.clone()),
        ("attribute_range", |p, good| p.sex = good.sex.clone()),
        ("document_invalid", |p, good| p.number = good.number.clone()),
        ("document_used", |p, good| p.c = good.c.clone()),
    ];
    let good = person(0);
    bad.generation = "x".into();
    bad.d = "".into();
    bad.birth = "".into();
    bad.expires = "x".into();
    bad.enrolled = "".into();
    bad.sex = "".into();
    bad.number = "".into();
    for (code, repair) in repairs {
        assert_eq!(codes(&fixture.import(&[bad.clone()]).await), [(2, code)]);
        repair(&mut bad, &good);
    }
    assert_eq!(fixture.import(&[bad]).await.already, 1);
}

#[tokio::test]
async fn syntax_of_rows_and_lines() {
    let mut fixture = Fixture::new(5).await;
    let good = person(0);
    let lines = [
        good.csv().replacen(',', ";", 1), // 2
        format!("{},extra", good.csv()),  // 3
        "x".repeat(20_000),               // 4
        String::new(),                    // 5: blank
        "\"never closed".to_owned(),      // 6
        good.csv(),                       // 7
    ];
    let report = fixture.import_text("bad.csv", &format!("{HEADER}\n{}\n", lines.join("\n"))).await;
    assert_eq!(codes(&report), [2, 3, 4, 6].map(|line| (line, "row_syntax")));
    assert_eq!((report.read, report.added), (5, 1));

    let json = person(1).json();
    let bad = [
        json.replacen('{', "{\"more\":1,", 1),
        json.replacen("\"generation\":", "\"generation\":0,\"generation\":", 1),
        json.replacen("\"expires_on\":\"2021-06-01\",", "", 1),
        json.replacen("\"sex\":\"male\"", "\"sex\":1", 1),
        json.replacen("156", "\"156\"", 1),
        json.replacen("156", "156.0", 1),
        json.replacen("\"birth_date\":\"1950-01-01\"", "\"birth_date\":null", 1),
        format!("{json}x"),
        format!("[{json}]"),
        "{".to_owned(),
        "null".to_owned(),
    ];
    assert!(bad.iter().all(|line| *line != json));
    let report = fixture.import_text("bad.jsonl", &bad.join("\n")).await;
    let expected: Vec<_> = (1..=bad.len() as u64).map(|line| (line, "row_syntax")).collect();
    assert_eq!(codes(&report), expected);
    for rejection in &report.rejected {
        assert!(!rejection.detail.contains(&person(1).number), "details repeat nothing of the row");
    }
    let bytes = [HEADER.as_bytes(), b"\n\xff\xfe,", good.csv().as_bytes(), b"\n"].concat();
    let path = fixture.file("bytes.csv", "");
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(codes(&fixture.import_file(&path, None).await.unwrap()), [(2, "row_syntax")]);
}

#[tokio::test]
async fn another_header_and_nothing_is_read() {
    let mut fixture = Fixture::new(6).await;
    let rows = csv_file(&people(0..2)).replacen(HEADER, "", 1);
    for header in
        [HEADER.replacen("sex,", "", 1), HEADER.to_uppercase(), HEADER.replace(',', ";"), String::new()]
    {
        let report = fixture.import_text("a.csv", &format!("{header}{rows}")).await;
        assert_eq!((report.read, report.added, report.rejected.len()), (0, 0, 1), "{header}");
        assert_eq!(report.rejected[0].code.as_str(), "row_syntax");
    }
    assert_eq!(codes(&fixture.import_text("empty.csv", "").await), [(1, "row_syntax")]);
    assert_eq!(counts(&fixture.import_text("head.csv", HEADER).await), (0, 0, 0, 0));
    assert_eq!(counts(&fixture.import_text("empty.jsonl", "").await), (0, 0, 0, 0));
}

/// History and expired documents are welcome; the generation is the row's.
#[tokio::test]
async fn past_dates_and_generations() {
    let mut fixture = Fixture::new(7).await;
    let rows = [
        Person { expires: "2024-01-05".into(), enrolled: "2024-01-06".into(), ..person(0) },
        Person {
            birth: "1800-01-01".into(),
            enrolled: "1800-01-01".into(),
            expires: "1800-01-01".into(),
            ..person(9)
        },
        Person { generation: "254".into(), enrolled: "2026-11-22".into(), ..person(19) },
        Person { birth: "2026-11-22".into(), enrolled: "2026-11-22".into(), ..person(29) },
        Person { expires: String::new(), ..person(39) },
        Person { expires: "2517-09-21".into(), ..person(49) },
    ];
    assert_eq!(counts(&fixture.import(&rows).await), (6, 6, 0, 0));
    assert_eq!(fixture.count("SELECT generation FROM person ORDER BY generation DESC LIMIT 1").await, 254);
    assert_eq!(fixture.seal(0).await.statement.root, root_of(&rows));
}

#[tokio::test]
async fn credentials_of_every_row_that_is_enrolled() {
    let mut fixture = Fixture::new(8).await;
    let mut all = people(0..25);
    fixture.import(&all[..10]).await;
    fixture.seal(0).await;
    all[12].birth = "x".into();
    let file = fixture.file("people.csv", &csv_file(&all));
    let out = fixture.home.path().join("credentials.jsonl");
    let report = fixture.import_file(&file, Some(&out)).await.unwrap();
    assert_eq!(counts(&report), (25, 14, 10, 1));
    let first = std::fs::read_to_string(&out).unwrap();
    let credentials: Vec<Credential> =
        first.lines().map(|line| Credential::from_json(line.as_bytes()).unwrap()).collect();
    let expected: Vec<&Person> = all.iter().enumerate().filter(|(i, _)| *i != 12).map(|(_, p)| p).collect();
    assert_eq!(credentials.len(), 24);
    for (credential, person) in credentials.iter().zip(&expected) {
        credential.verify(&fixture.authority.key()).unwrap();
        assert_eq!(credential.leaf(), person.leaf());
        assert_eq!(credential.attributes, person.attributes());
    }
    let mut numbers: Vec<_> = credentials.iter().map(|c| c.network_number).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 24);
    // Again, now all of them there already: byte for byte the same file.
    fixture.seal(1).await;
    assert_eq!(fixture.import_file(&file, Some(&out)).await.unwrap().already, 24);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), first);
}

#[tokio::test]
async fn progress_and_batches() {
    let mut fixture = Fixture::new(9).await;
    let text = csv_file(&people(0..2500));
    let file = fixture.file("people.csv", &text);
    let mut seen = Vec::new();
    let mut see = |p: ImportProgress| seen.push(p);
    let report = fixture.authority.import(&file, None, at(0), &mut fixture.rng, &mut see).await.unwrap();
    assert_eq!(report.added, 2500);
    assert_eq!(seen.iter().map(|p| p.rows).collect::<Vec<_>>(), [1000, 2000, 2500]);
    assert!(seen.iter().all(|p| p.total_bytes == text.len() as u64 && p.bytes <= p.total_bytes));
    assert_eq!(seen[2].bytes, text.len() as u64);
}

#[tokio::test]
async fn a_missing_file_is_a_fault_and_leaves_nothing() {
    let mut fixture = Fixture::new(10).await;
    let (file, out) = (fixture.home.path().join("none.csv"), fixture.home.path().join("out.jsonl"));
    let error = fixture.import_file(&file, Some(&out)).await.unwrap_err();
    assert_eq!((error.blame(), error.code()), (veilpass_server::Blame::Fault, Some("unavailable")));
    assert!(!out.exists());
}

/// Zeros for so many calls, then an honest generator.
struct Stuck(u32, StdRng);

impl RngCore for Stuck {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }
    fn next_u64(&mut self) -> u64 {
        if self.0 == 0 {
            return self.1.next_u64();
        }
        self.0 -= 1;
        0
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        dest.iter_mut().for_each(|b| *b = self.next_u64() as u8);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Stuck {}

/// A Network Number that is taken, in the batch or in the registry, is drawn again.
#[tokio::test]
async fn a_taken_network_number_is_drawn_again() {
    let mut fixture = Fixture::new(11).await;
    let (one, three) =
        (fixture.file("1.csv", &csv_file(&people(0..1))), fixture.file("3.csv", &csv_file(&people(1..4))));
    let (next, all) =
        (fixture.file("2.csv", &csv_file(&people(4..5))), fixture.file("4.csv", &csv_file(&people(5..9))));
    let authority = &fixture.authority;
    let import = async |file: &Path, zeros| {
        let mut rng = Stuck(zeros, StdRng::seed_from_u64(11));
        authority.import(file, None, at(0), &mut rng, &mut |_| ()).await
    };
    assert_eq!(import(&one, u32::MAX).await.unwrap().added, 1);
    assert_eq!(import(&next, 9).await.unwrap().added, 1, "taken by a pending enrolment");
    assert_eq!(import(&three, 20).await.unwrap().added, 3, "twice in one batch");
    let stuck = import(&all, u32::MAX).await.unwrap_err();
    assert_eq!(stuck, RegistryError::Store(StoreError::NetworkNumberTaken));
    assert_eq!(import(&all, 0).await.unwrap().added, 4, "nothing was kept of the failed run");
    assert_eq!(fixture.seal(0).await.statement.live, 9);
}
