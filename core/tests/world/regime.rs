//! Random configurations with tiny limits, and the history of those that were in force: what may happen is bounded by
//! the smallest and the largest of them. Knows nothing of the machine.
use rcomet_core::Config;
use rcomet_core::chance::Chance;
use rcomet_core::config::{AddressRule, Auth, PollHead};

/// The configurations of one world, the one in force last.
pub struct Regime {
    configs: Vec<Config>,
    /// Nearly everything happens in one channel, which has room for everybody.
    pub is_crowded: bool,
}

impl Regime {
    pub fn new(chance: &mut Chance) -> Self {
        let mut config = Config::default();
        config.icomet.no_batch = chance.percent(10);
        config.icomet.gap_records = chance.percent(90);
        config.http.jsonp_prefix = chance.percent(80);
        config.front.auth = if chance.percent(8) { Auth::Token } else { Auth::None };
        if chance.percent(60) {
            config.front.publish = vec!["p*".to_owned().try_into().expect("a pattern")];
        }
        config.ccomet.publish = chance.percent(80);
        config.ccomet.on_front = chance.percent(50);
        if chance.percent(85) {
            (config.admin.allow, config.admin.deny) = (vec![AddressRule::All], Vec::new());
        }
        // Memory is plenty in most worlds: where it is short, messages may go at any time.
        config.limits.memory_bytes_max = if chance.percent(90) { 1 << 30 } else { 0 };
        let mut regime = Self { configs: vec![config], is_crowded: chance.percent(40) };
        regime.reroll(chance);
        regime.configs.remove(0);
        regime
    }

    /// Puts other limits in force.
    pub fn reroll(&mut self, chance: &mut Chance) -> Config {
        let mut config = self.now().clone();
        let mut between = |low: u64, high: u64| low + chance.below(high - low + 1);
        let limits = &mut config.limits;
        limits.connections_max = between(4, 24) as usize;
        limits.connections_per_address_max = [0, 0, between(1, 6) as u32][between(0, 2) as usize];
        if limits.memory_bytes_max < 1 << 30 {
            limits.memory_bytes_max = between(10_000, 60_000) as usize;
            limits.admin_partial_bytes_max = between(0, 8_000) as usize;
        }
        limits.request_line_bytes_max = [200, 900, 4_000][between(0, 2) as usize] + between(0, 99) as usize;
        limits.head_bytes_max = limits.request_line_bytes_max + between(60, 600) as usize;
        limits.headers_max = between(3, 8) as usize;
        limits.body_bytes_max = [between(60, 300), between(300, 3_000)][between(0, 1) as usize] as usize;
        limits.head_ms_max = between(5, 4_000);
        limits.body_ms_max = between(5, 4_000);
        limits.idle_ms_max = between(20, 9_000);
        limits.write_stall_ms_max = between(20, 9_000);
        limits.write_least_bytes = [between(0, 2), between(2, 600)][between(0, 1) as usize] as u32;
        limits.linger_ms_max = between(0, 2_000);
        limits.pipeline_bytes_max = [between(1, 100), between(100, 1_500)][between(0, 1) as usize] as usize;
        limits.outbox_bytes_max = [between(1, 300), between(200, 2_500)][between(0, 1) as usize] as usize;
        limits.batch_bytes_max =
            [between(1, 300), between(200, 4_000), 6_000][between(0, 2) as usize] as usize;
        limits.channels_max = [between(1, 4), between(4, 7)][between(0, 1) as usize] as usize;
        limits.channel_name_bytes_max = between(6, 20) as usize;
        limits.subscribers_per_channel_max = [between(1, 4), between(3, 20)][between(0, 1) as usize] as usize;
        limits.history_messages_max =
            [0, between(1, 5), between(2, 40)][between(0, 9).min(2) as usize] as usize;
        limits.history_bytes_max =
            [between(100, 900), between(900, 6_000), 4_500, 1 << 20][between(0, 3) as usize] as usize;
        limits.history_age_ms_max = [0, 0, between(1, 6_000)][between(0, 2) as usize];
        limits.broadcasts_waiting_max = between(1, 3) as usize;
        limits.callback_bytes_max = between(9, 30) as usize;
        limits.roster_max = [between(1, 3), 8, 8, 8][between(0, 3) as usize] as usize;
        limits.roster_name_bytes_max = between(4, 14) as usize;
        limits.roster_lease_ms = between(1, 4_000);
        config.icomet.polling_timeout_ms = between(1_000, 5_000);
        config.icomet.channel_timeout_ms = [between(1, 300), between(300, 9_000)][between(0, 1) as usize];
        config.icomet.poll_head = if between(0, 1) == 0 { PollHead::AtOnce } else { PollHead::WithMessage };
        if self.is_crowded {
            let limits = &mut config.limits;
            limits.connections_max = limits.connections_max.max(14);
            limits.connections_per_address_max = 0;
            limits.subscribers_per_channel_max = 24;
            limits.idle_ms_max = limits.idle_ms_max.max(2_000);
            limits.write_stall_ms_max = limits.write_stall_ms_max.max(2_000);
        }
        assert_eq!(config.check(), Ok(()));
        self.configs.push(config.clone());
        config
    }

    /// The configuration in force.
    pub fn now(&self) -> &Config {
        self.configs.last().expect("there always is one")
    }

    /// The smallest that this ever was.
    pub fn least(&self, what: impl Fn(&Config) -> u64) -> u64 {
        self.configs.iter().map(what).min().unwrap_or(0)
    }

    /// The largest that this ever was.
    pub fn most(&self, what: impl Fn(&Config) -> u64) -> u64 {
        self.configs.iter().map(what).max().unwrap_or(0)
    }

    /// Whether publishers are held back in time, when messages are as heavy as this, so that whoever listens and takes
    /// everything at once misses nothing.
    pub fn holds_back(&self, heaviest: u64) -> bool {
        let limits = &self.now().limits;
        // What is delivered in several batches may be overtaken.
        let at_once = limits.batch_bytes_max >= limits.history_bytes_max;
        self.configs.len() == 1 && at_once && limits.history_bytes_max as u64 >= heaviest
    }

    /// Whether memory is so short that anything may be refused or forgotten for it.
    pub fn is_short_of_memory(&self) -> bool {
        self.now().limits.memory_bytes_max < 1 << 30
    }
}
