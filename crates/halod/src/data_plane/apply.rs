//! Putting a configuration in force.

use std::time::Instant;

use anyhow::{Context, bail};
use halo_admin::{Limits, Server as AdminServer, Settings};
use halo_config::Config;
use halo_proxy::{Proxy, Workers};

use super::commands::Handle;
use super::control::{Applied, DataPlane};

/// The file name of the data plane's socket in `admin.socket_dir`.
const SOCKET: &str = "halo.sock";

/// A configuration as the agent hands it over.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) generation: u64,
    pub(super) node: String,
    pub(super) file: String,
    pub(super) text: String,
    pub(super) token: Option<String>,
}

impl DataPlane {
    /// Puts `offer` in force, all or nothing: on an error what was in force before still is.
    pub(super) async fn apply(&mut self, offer: Offer) -> anyhow::Result<()> {
        let config = halo_config::parse(&offer.file, &offer.text, &offer.node)
            .map_err(|errors| anyhow::anyhow!("{errors}"))?;
        match self.applied.take() {
            None => {
                let applied = self.first(config, offer).await?;
                self.unreachable = applied.proxy.take_unreachable();
                self.applied = Some(applied);
            }
            Some(mut applied) => {
                let outcome = applied.replace(config, offer);
                self.applied = Some(applied);
                outcome?;
            }
        }
        self.take_servers();
        Ok(())
    }

    async fn first(&self, config: Config, offer: Offer) -> anyhow::Result<Applied> {
        let proxy = Proxy::start(&Workers {
            count: config.data_plane.workers,
            pin: config.data_plane.pin,
            cores: config.data_plane.cores.clone(),
            node: config.this_node().name.clone(),
        })?;
        proxy.apply(&config, offer.generation)?;
        let admin = AdminServer::start(
            Handle::new(self.to_commands.clone()),
            Settings {
                socket: config.admin.socket_dir.join(SOCKET),
                listen: config.admin.listen,
                token: offer.token,
                limits: Limits::default(),
            },
        )
        .await
        .context("cannot start the admin API")?;
        Ok(Applied {
            generation: offer.generation,
            text: offer.text,
            config,
            admin,
            proxy: proxy.into(),
        })
    }

    /// Tells health, proxy and probes of the servers of the configuration that is now in force.
    fn take_servers(&mut self) {
        let Some(applied) = &self.applied else {
            return;
        };
        self.servers.configure(&applied.config, Instant::now());
        for entry in self.servers.iter() {
            publish(
                &applied.proxy,
                &entry.key.pool,
                &entry.key.server,
                entry.proxy_state(),
            );
        }
        self.probes.set(self.servers.targets());
    }
}

impl Applied {
    fn replace(&mut self, config: Config, offer: Offer) -> anyhow::Result<()> {
        halo_config::diff(&self.config, &config).check_reloadable()?;
        if config.admin.listen.is_some() && offer.token.as_deref().is_none_or(str::is_empty) {
            bail!("admin.token_file: no token in it; nothing was changed");
        }
        self.proxy.apply(&config, offer.generation)?;
        self.admin.set_token(offer.token.as_deref());
        self.config = config;
        self.generation = offer.generation;
        self.text = offer.text;
        Ok(())
    }
}

/// Tells the proxy of a server.
pub(super) fn publish(proxy: &Proxy, pool: &str, server: &str, state: halo_proxy::ServerState) {
    if let Err(error) = proxy.set_server(pool, server, state) {
        // The proxy has the same configuration, so this is a mistake of ours.
        tracing::error!("{pool}/{server}: {error}");
    }
}
