//! Writes what both servers describe (`/openapi.json`) into a folder, for clients that are
//! generated from them: `cargo run -p veilpass-server --example descriptions -- FOLDER`.

use std::path::PathBuf;

fn main() -> Result<(), String> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("descriptions FOLDER")?;
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    for (name, text) in [
        ("platform.json", veilpass_server::platform::description()),
        ("authority.json", veilpass_server::authority::description()),
    ] {
        std::fs::write(folder.join(name), text).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}
