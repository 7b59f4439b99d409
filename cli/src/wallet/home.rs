//! The authority that a wallet belongs to: named once by its address, and remembered with its key.

use crate::network::{Authority, Network, Reader, published_key};
use crate::outcome::Failure;
use serde_json::{Value, json};
use veilpass_protocol::identity::authority_words;
use veilpass_protocol::note::AuthorityKey;
use veilpass_prover::{Home, Wallet as Holder};
use veilpass_server::typed;

/// An authority that is spoken to, and what the wallet will remember of it.
pub struct Met {
    pub authority: Authority,
    pub home: Home,
}

/// The authority at the address that is given, or else the one that the wallet remembers. Its key is fetched
/// where the address is new.
pub fn meet(holder: &Holder, given: Option<&str>, network: &Network) -> Result<Met, Failure> {
    let known = holder.home();
    let Some(address) = given.or(known.map(|home| home.place.as_str())) else {
        return Err(Failure::Usage(
            "this wallet does not know its authority yet: name it with --authority".into(),
        ));
    };
    let authority = Authority::at(address, network)?;
    let home = match known.filter(|home| home.place == authority.address()) {
        Some(home) => home.clone(),
        None => {
            let place = authority.address().to_owned();
            let key = published_key(&Reader::new(&place, network)?)?;
            Home { place, key }
        }
    };
    Ok(Met { authority, home })
}

/// From where a wallet reads, and by whose key it judges: what is given, or else what it remembers.
pub fn read_from(
    holder: &Holder,
    from: Option<&str>,
    key: Option<&AuthorityKey>,
    network: &Network,
) -> Result<(Reader, Home), Failure> {
    let known = holder.home();
    let Some(place) = from.or(known.map(|home| home.place.as_str())) else {
        let next = match holder.credential() {
            None => "this wallet is not enrolled yet. Next: veilpass wallet enrol --authority ADDRESS",
            Some(_) => {
                "this wallet does not know its authority yet: name its address, or a published folder, with --from"
            }
        };
        return Err(Failure::Usage(next.into()));
    };
    let reader = Reader::new(place, network)?;
    let key = match (key, known) {
        (Some(key), _) => key.clone(),
        (None, Some(home)) => home.key.clone(),
        (None, None) => published_key(&reader)?,
    };
    let place = match known {
        // A mirror that is named once is used once.
        Some(home) => home.place.clone(),
        None => lasting(place)?,
    };
    Ok((reader, Home { place, key }))
}

/// A place as it is found from any folder.
fn lasting(place: &str) -> Result<String, Failure> {
    let address = typed::address(place);
    if address.contains("://") {
        return Ok(address.trim_end_matches('/').to_owned());
    }
    let folder = std::path::absolute(place).map_err(|e| Failure::fault(place, e))?;
    folder.into_os_string().into_string().map_err(|_| Failure::Usage("--from: the path is not UTF-8".into()))
}

/// What programs are told of the authority.
pub fn value(home: Option<&Home>) -> Option<Value> {
    home.map(|home| json!({"place": home.place, "key": home.key, "words": authority_words(&home.key)}))
}

/// What people are told of the authority.
pub fn told(home: &Home) -> String {
    format!("{} ({})", authority_words(&home.key).join(" "), home.place)
}
