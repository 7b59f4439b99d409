//! Who asks, over which channel (W6, W7).

use crate::refusal::Refusal;
use crate::rules::Rules;
use veilpass_protocol::directory::PlatformEntry;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::request::{AnyRequest, PolicyError, Request};
use veilpass_protocol::scope::{Host, LinkKind};

/// How a request reached the wallet. The caller vouches for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channel {
    /// The host that the transport vouched for: a browser's Digital Credentials API names the origin
    /// of the page that asks. `None`: a file or link that anybody could have sent.
    pub origin: Option<Host>,
    /// The request was scanned from another screen. `false` with no origin means: on this device, and
    /// the answer goes back through the browser session that asked (W7).
    pub scanned: bool,
}

/// An authenticated asker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) host: Host,
    /// Its entry in the platform directory, where it has one.
    pub(crate) entry: Option<PlatformEntry>,
}

/// Checks the form of a request, who asks and whether this channel may carry it: codes `request_syntax`
/// to `link_not_here` in their order.
pub(crate) fn authenticate(
    rules: &Rules,
    request: &AnyRequest,
    channel: &Channel,
    directory: &[PlatformEntry],
    authority: Option<&AuthorityKey>,
) -> Result<Asker, Refusal> {
    let inner = request.request();
    inner.check_link().map_err(|e| Refusal::RequestSyntax(e.to_string()))?;
    let host = if rules.w6 { check_host(inner, channel)? } else { inner.host().map_err(host_refusal)? };
    let entry = directory.iter().find(|entry| entry.host == host);
    match request {
        AnyRequest::Plain(_) if rules.w6 && channel.origin.is_none() => return Err(Refusal::RequestUnsigned),
        AnyRequest::Plain(_) => (),
        // A signature is never skipped, not even where an origin would do.
        AnyRequest::Signed(signed) => {
            let known = entry.zip(authority).ok_or_else(|| Refusal::AskerUnknown(host.to_string()))?;
            let key = known.0.verify(known.1).map_err(|_| Refusal::AskerUnknown(host.to_string()))?;
            signed.verify(&key).map_err(|_| Refusal::RequestSignature)?;
        }
    }
    // W7: whoever shows a code to be scanned need not be the one whose screen is signed in by it.
    if rules.w7 && channel.scanned && inner.link != LinkKind::None {
        return Err(Refusal::LinkNotHere);
    }
    Ok(Asker { host, entry: entry.cloned() })
}

/// Where an answer to a request may go, a decline as well: its `response_uri`, if that lies on the host
/// in whose name is asked, and the host that the transport vouched for, if any, is the same (W6).
/// Otherwise, and if the request cannot be read, nothing is sent anywhere.
pub fn answer_address(request: &[u8], channel: &Channel) -> Option<String> {
    let request = AnyRequest::read(request).ok()?;
    check_host(request.request(), channel).ok()?;
    Some(request.request().response_uri.clone())
}

/// W6: `rp` is the host that the transport vouched for, and the answer goes to it.
fn check_host(request: &Request, channel: &Channel) -> Result<Host, Refusal> {
    let host = request.check_addresses().map_err(host_refusal)?;
    match &channel.origin {
        Some(origin) if *origin != host => {
            Err(Refusal::RequestHost(format!("{origin} asks in the name of {host}")))
        }
        _ => Ok(host),
    }
}

fn host_refusal(e: PolicyError) -> Refusal {
    Refusal::RequestHost(e.to_string())
}
