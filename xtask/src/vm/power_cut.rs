//! A guest whose power is taken away while kills are saved, again and again with one disk: what was
//! delivered before is in the store, nothing else is, and nobody takes a healthy store for a damaged one.

mod ledger;

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::ledger::Ledger;
use super::guest::Guest;
use super::kernels::Kernel;
use super::machines::POWER_CUT;
use super::payload::{Payload, TESTS};
use super::qemu::{Boot, Ending};
use crate::sh::say;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct PowerCutArgs {
    /// The kernel's name in the table
    #[arg(long, value_name = "NAME", default_value = "6.12")]
    kernel: String,
    /// How often; each takes a boot
    #[arg(long, value_name = "N", default_value_t = 100)]
    times: u32,
    /// To cut after the same times as a run that said this number
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

/// What the guest prints when it has looked at the store, before the agent starts.
const CHECKED: &str = "checked";

/// And when the agent has.
const KILLING: &str = "killing";

/// The longest that it may go on after that.
const LONGEST: Duration = Duration::from_secs(8);

/// One cut of so many comes while the agent starts.
const EACH: u32 = 4;

/// Cuts the power so often, and fails when anything was lost or invented.
pub(crate) fn run(args: &PowerCutArgs) -> Result<()> {
    let kernel = Kernel::named(&args.kernel)?;
    let guest = Guest { kernel, machine: &POWER_CUT };
    let command = [TESTS, "power-cut"].map(str::to_owned);
    let payload = Payload::of_command(&command, kernel.arch)?;
    let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one(args.times));
    say(format!("guest {guest}: {} cuts, --seed {seed}", args.times));
    let mut moments = Moments(seed);
    guest.prepared(&payload, |boot| {
        let mut ledger = Ledger::default();
        for number in 0..args.times {
            let after = moments.next();
            let word = if number % EACH == EACH - 1 { CHECKED } else { KILLING };
            let what = format!("cut {number}, {} ms after {word:?}", after.as_millis());
            one(&boot, &mut ledger, number, Some((word, after))).context(what)?;
            say(format!("{:4}: {:5} ms; {ledger}", number + 1, after.as_millis()));
        }
        one(&boot, &mut ledger, args.times, None).context("after the last cut")?;
        say(format!("{} cuts: {ledger}", args.times));
        Ok(())
    })
}

/// One boot: what the last cut has left is looked at, and then comes the next; without one it ends.
fn one(
    boot: &Boot<'_>,
    ledger: &mut Ledger,
    number: u32,
    cut: Option<(&str, Duration)>,
) -> Result<()> {
    let last = if cut.is_none() { ":last" } else { "" };
    let told = format!("oom_trace_cut={number}:{}{last}", ledger.shots());
    let boot = Boot { keeps_disk: true, told: &told, ..*boot };
    let mut printed = Vec::new();
    let (word, after) = cut.unwrap_or((CHECKED, boot.timeout));
    let ending = boot.cut(word, after, &mut printed);
    let printed = String::from_utf8_lossy(&printed).into_owned();
    match (ending.with_context(|| printed.clone())?, cut) {
        (None, Some(_)) | (Some(Ending::Exit(0)), None) => {}
        (ending, _) => bail!("it ended by itself ({ending:?}):\n{printed}"),
    }
    let console = fs::read(boot.console()).context("cannot read the console")?;
    ledger.take(&String::from_utf8_lossy(&console))
}

/// Times by chance: SplitMix64, of which a number is enough to have them again.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let longest = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(mixed % longest)
    }
}
