//! TLS 1.2 and 1.3 with ring. No message repeats anything of a file: one of them is a private key.

use super::server::{ServeError, TlsFiles};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// A certificate that can be exchanged while the server runs.
pub(super) struct Tls {
    files: TlsFiles,
    current: RwLock<TlsAcceptor>,
}

impl Tls {
    /// Reads the files.
    pub(super) fn open(files: TlsFiles) -> Result<Tls, ServeError> {
        let current = RwLock::new(acceptor(&files)?);
        Ok(Tls { files, current })
    }

    /// What new connections are accepted with.
    pub(super) fn current(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again. If they are not good, what was read before stays in use.
    pub(super) fn reload(&self) {
        match acceptor(&self.files) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
                tracing::info!("the TLS certificate was read again");
            }
            Err(e) => tracing::error!("the TLS certificate in use stays, the new one is not good: {e}"),
        }
    }
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let certificate = |what| ServeError::Tls(files.certificate.clone(), what);
    let key = |what| ServeError::Tls(files.key.clone(), what);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&files.certificate)
        .map_err(|_| certificate("the certificate cannot be read"))?
        .collect();
    let chain = chain.map_err(|_| certificate("the certificate is not PEM"))?;
    if chain.is_empty() {
        return Err(certificate("there is no certificate in it"));
    }
    let private = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|_| key("there is no readable private key in it"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| certificate("no version of TLS can be spoken"))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|_| key("the private key does not fit the certificate"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
