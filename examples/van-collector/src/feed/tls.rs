//! TLS towards the router, with a client's certificate: who we are is what it says (EXTERNAL).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail, ensure};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

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

    /// Whether a connection can be made with them.
    ///
    /// # Errors
    /// When it cannot: which file is wrong, in what, and what helps.
    pub fn check(&self) -> anyhow::Result<()> {
        self.connector().map(|_| ())
    }

    /// What a connection is made with.
    pub(super) fn connector(&self) -> anyhow::Result<TlsConnector> {
        let mut roots = RootCertStore::empty();
        for (number, certificate) in (1..).zip(all::<CertificateDer<'_>>(&self.authority, "certificate")?) {
            let added = roots.add(certificate);
            added.map_err(|error| anyhow!("certificate {number} of {} is no authority's: {error}", self.authority.display()))?;
        }
        let certificates = all(&self.certificate, "certificate")?;
        let keys: Vec<PrivateKeyDer<'_>> = all(&self.key, "private key")?;
        let Ok([key]) = <[_; 1]>::try_from(keys) else {
            bail!("{} holds several private keys: one is wanted, that of {}", self.key.display(), self.certificate.display());
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates, key);
        let config = config.map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                anyhow!(
                    "the key in {} is not that of the first certificate in {}",
                    self.key.display(),
                    self.certificate.display()
                )
            }
            error => anyhow!("{} and {} cannot be used: {error}", self.certificate.display(), self.key.display()),
        })?;
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// All that a PEM file holds of one kind.
fn all<T: PemObject>(file: &Path, what: &str) -> anyhow::Result<Vec<T>> {
    let shown = file.display();
    let read = T::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| match error {
        pem::Error::Io(error) => {
            anyhow!("{shown} cannot be read: {error}; --certificates says which folder has ca.crt, tls.crt and tls.key")
        }
        error => anyhow!("{shown} is no PEM file: {error}"),
    })?;
    if read.is_empty() && std::fs::read(file).is_ok_and(|octets| octets.windows(ENCRYPTED.len()).any(|some| some == ENCRYPTED)) {
        bail!(
            "the private key in {shown} is encrypted, and nobody is asked for a password: `openssl pkey -in {shown}` decrypts it"
        );
    }
    ensure!(!read.is_empty(), "{shown} holds no {what}: a line \"-----BEGIN {}-----\" is looked for", what.to_uppercase());
    Ok(read)
}

const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// Why a router is not trusted, or does not trust us, in a sentence.
pub(super) fn told(error: io::Error, host: &str, certificates: &Certificates) -> anyhow::Error {
    let (authority, certificate) = (certificates.authority.display(), certificates.certificate.display());
    match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        // Authorities of two Skupper networks have one name: that of the other is found, and its signature is wrong.
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            anyhow!(
                "nobody in {authority} vouches for the router's certificate: it is another network's router, or the file is old"
            )
        }
        Some(Error::InvalidCertificate(
            wrong @ (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }),
        )) => {
            anyhow!("the router's certificate is not for \"{host}\": {wrong}; --server-name says the name that it has to have")
        }
        Some(Error::InvalidCertificate(wrong)) => anyhow!("the router's certificate is not accepted: {wrong}"),
        Some(Error::AlertReceived(alert)) => {
            anyhow!("the router does not accept our certificate, {certificate}: it answered {alert:?}")
        }
        _ => anyhow!(error).context("TLS with the router failed"),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn wrong(folder: &Path) -> String {
        format!("{:#}", Certificates::in_folder(folder).check().unwrap_err())
    }

    /// Each file that is not as it should be is named, with what is wrong and what helps.
    #[test]
    fn mistakes_are_told_in_sentences() {
        let folder = std::env::temp_dir().join(format!("van-collector-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let certificate = CertificateParams::new(vec!["collector".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        let told = wrong(&folder);
        assert!(told.contains("ca.crt cannot be read") && told.contains("--certificates says"), "{told}");
        put("ca.crt", "hello\n");
        let told = wrong(&folder);
        assert!(told.contains("ca.crt holds no certificate: a line \"-----BEGIN CERTIFICATE-----\""), "{told}");
        put("ca.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let told = wrong(&folder);
        assert!(told.contains("certificate 1 of") && told.contains("is no authority's"), "{told}");
        put("ca.crt", "-----BEGIN CERTIFICATE-----\n!!!\n");
        assert!(wrong(&folder).contains("ca.crt is no PEM file"), "{}", wrong(&folder));
        put("ca.crt", &certificate);
        put("tls.crt", &certificate);
        put("tls.key", &certificate);
        let told = wrong(&folder);
        assert!(told.contains("tls.key holds no private key"), "{told}");
        put("tls.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        let told = wrong(&folder);
        assert!(told.contains("tls.key is encrypted") && told.contains("openssl pkey"), "{told}");
        put("tls.key", &other.serialize_pem());
        let told = wrong(&folder);
        assert!(told.contains("tls.key is not that of the first certificate in"), "{told}");
        put("tls.key", &(key.serialize_pem() + &other.serialize_pem()));
        assert!(wrong(&folder).contains("holds several private keys"), "{}", wrong(&folder));
        put("tls.key", &key.serialize_pem());
        Certificates::in_folder(&folder).check().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
