//! The connection to one Redis, or to the nodes of a cluster.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterClientBuilder, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{Client, Cmd, ConnectionAddr, ConnectionInfo, RedisError, Value};
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
use redis::{ClientTlsConfig, TlsCertificates};
use tokio::time::Instant;

use super::error::{LinkError, RedisStoreError};

/// A connection and an answer may take so much longer than a request waits. Nobody waits for what comes
/// later.
const MARGIN: Duration = Duration::from_secs(1);
/// What is sent and not acknowledged for so long ends the connection.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts to connect at most.
const MAX_DELAY: Duration = Duration::from_millis(500);
/// Attempts before a request is told that there is no connection; the next one begins anew.
const ATTEMPTS: usize = 6;
/// How many requests wait to be written at most. More wait for these.
const BUFFER: usize = 1_024;
/// A connection that fails is left after this time for a new one, which may reach another server of
/// the same name.
const RENEW_AFTER: Duration = Duration::from_secs(3);

/// What to connect to.
pub(super) struct Target {
    servers: Servers,
    /// For a connection, and for an answer.
    wait: Duration,
}

enum Servers {
    One(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// Of TLS, as PEM. Without roots, those of the platform are trusted.
#[cfg_attr(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")), allow(dead_code))]
pub(super) struct Certificates {
    pub(super) roots: Option<Vec<u8>>,
    /// Our own, and its key.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
}

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
impl From<Certificates> for TlsCertificates {
    fn from(certificates: Certificates) -> Self {
        let identity = certificates.identity;
        Self {
            client_tls: identity
                .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
            root_cert: certificates.roots,
        }
    }
}

impl Target {
    /// With certificates it is TLS. `timeout`: how long a request waits at most.
    #[cfg_attr(
        not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")),
        expect(clippy::needless_pass_by_value, reason = "TLS takes the certificates")
    )]
    pub(super) fn new(
        nodes: Vec<ConnectionInfo>,
        is_cluster: bool,
        certificates: Option<Certificates>,
        timeout: Duration,
    ) -> Result<Self, RedisStoreError> {
        let wait = timeout.saturating_add(MARGIN);
        let tcp = TcpSettings::default().set_nodelay(true);
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(USER_TIMEOUT);
        let error = match certificates {
            Some(_) => RedisStoreError::Certificate,
            None => RedisStoreError::Url,
        };
        if is_cluster {
            let builder = ClusterClientBuilder::new(nodes)
                .tcp_settings(tcp)
                .connection_timeout(wait)
                .response_timeout(wait);
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            let builder = match certificates {
                Some(certificates) => builder.certs(certificates.into()),
                None => builder,
            };
            let cluster = builder.build().map_err(|_| error)?;
            return Ok(Self { servers: Servers::Cluster(Box::new(cluster)), wait });
        }
        let node = nodes.into_iter().next().ok_or(RedisStoreError::Url)?.set_tcp_settings(tcp);
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        let client = match certificates {
            Some(certificates) => Client::build_with_tls(node, certificates.into()),
            None => Client::open(node),
        };
        #[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
        let client = Client::open(node);
        let client = client.map_err(|_| error)?;
        Ok(Self { servers: Servers::One(Box::new(client)), wait })
    }

    fn connect(&self) -> Result<Connection, RedisError> {
        match &self.servers {
            Servers::One(client) => {
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(self.wait))
                    .set_response_timeout(Some(self.wait))
                    .set_min_delay(Duration::from_millis(20))
                    .set_max_delay(MAX_DELAY)
                    .set_number_of_retries(ATTEMPTS)
                    .set_pipeline_buffer_size(BUFFER);
                ConnectionManager::new_lazy_with_config(Client::clone(client), config)
                    .map(Connection::One)
            }
            Servers::Cluster(client) => {
                let config = ClusterConfig::new()
                    .set_connection_timeout(self.wait)
                    .set_response_timeout(self.wait);
                Ok(Connection::Cluster(client.get_pending_async_connection_with_config(config)))
            }
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.servers {
            Servers::One(client) => {
                let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) =
                    client.get_connection_info().addr()
                else {
                    return f.write_str("One");
                };
                f.debug_tuple("One").field(host).field(port).finish()
            }
            Servers::Cluster(_) => f.write_str("Cluster"),
        }
    }
}

/// Cheap to clone: all clones write to the same sockets, and requests do not wait for each other's
/// answers.
#[derive(Clone)]
enum Connection {
    One(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        let value = match self {
            Self::One(connection) => connection.req_packed_command(command).await?,
            Self::Cluster(connection) => connection.req_packed_command(command).await?,
        };
        value.extract_error()
    }
}

/// A connection that is made when it is needed, and made anew when it is lost.
#[derive(Debug)]
pub(in crate::control) struct Link {
    target: Target,
    current: Arc<Mutex<Option<Current>>>,
}

struct Current {
    connection: Connection,
    since: Instant,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").field("since", &self.since).finish_non_exhaustive()
    }
}

fn lock(current: &Mutex<Option<Current>>) -> MutexGuard<'_, Option<Current>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    pub(super) fn new(target: Target) -> Self {
        Self { target, current: Arc::default() }
    }

    pub(in crate::control) async fn send(&self, command: &Cmd) -> Result<Value, LinkError> {
        let mut connection = self.connection()?;
        connection.send(command).await.map_err(|error| LinkError::new(&error))
    }

    /// Makes a connection in the place of one that has failed and is not new. That is used until the other
    /// answers: it may be good for other nodes of a cluster.
    pub(in crate::control) fn renew(&self) {
        let mut current = lock(&self.current);
        let Some(old) = current.as_mut().filter(|old| old.since.elapsed() >= RENEW_AFTER) else {
            return;
        };
        old.since = Instant::now();
        drop(current);
        let Ok(mut connection) = self.target.connect() else { return };
        let current = self.current.clone();
        tokio::spawn(async move {
            if connection.send(&redis::cmd("PING")).await.is_ok() {
                let old = lock(&current).replace(Current { connection, since: Instant::now() });
                drop(old);
            }
        });
    }

    fn connection(&self) -> Result<Connection, LinkError> {
        let mut current = lock(&self.current);
        if let Some(current) = &*current {
            return Ok(current.connection.clone());
        }
        let connection = self.target.connect().map_err(|error| LinkError::new(&error))?;
        *current = Some(Current { connection: connection.clone(), since: Instant::now() });
        drop(current);
        // Whoever asks may stop waiting before there is a connection, so it is made on its own.
        let mut first = connection.clone();
        tokio::spawn(async move { first.send(&redis::cmd("PING")).await });
        Ok(connection)
    }
}
