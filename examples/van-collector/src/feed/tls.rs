//! TLS towards the router, with a client's certificate: who we are is what it says (EXTERNAL).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Files with certificates, as PEM. They are read anew for each connection: certificates are renewed while a program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// Who may sign the router's certificate.
    pub authority: PathBuf,
    /// Our certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// The key of our certificate.
    pub key: PathBuf,
}

impl Certificates {
    /// `ca.crt`, `tls.crt` and `tls.key` of one folder, as Skupper's secrets have them.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { authority: folder.join("ca.crt"), certificate: folder.join("tls.crt"), key: folder.join("tls.key") }
    }

    /// What a connection is made with.
    pub(super) fn connector(&self) -> anyhow::Result<TlsConnector> {
        let mut roots = RootCertStore::empty();
        for certificate in read(&self.authority)? {
            roots.add(certificate).with_context(|| format!("a certificate in {}", self.authority.display()))?;
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).with_context(|| format!("the key {}", self.key.display()))?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(read(&self.certificate)?, key)
            .with_context(|| format!("{} and {}", self.certificate.display(), self.key.display()))?;
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.with_context(|| format!("the certificates {}", file.display()))?;
    ensure!(!certificates.is_empty(), "{} holds no certificate", file.display());
    Ok(certificates)
}
