//! VAN-Flow: decoding beside copying and beside `serde_amqp` (feature `peer-amqp`), and merging while 1,000 to 1,000,000 records are
//! held; all sides of a comparison in one process, by turns.

use core::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use anyhow::ensure;
use clap::Parser;
use flowcodec::Timestamp;
use vanflow::collector::{Collector, Settings};
use vanflow::message::{Content, Message, RecordSpec, records};
use vanflow::record::{Attribute, RecordType, Scalar};

/// Measures decoding and merging of VAN-Flow. Run it with `--release`.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rounds of each comparison; the median of the ratios counts.
    #[arg(long, default_value_t = 201)]
    rounds: usize,

    /// The most records held while merging.
    #[arg(long, default_value_t = 1_000_000)]
    held: u32,
}

/// Records in a message, as routers send them.
const BATCH: u32 = 50;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    decode(arguments.rounds, &mut out)?;
    merge(arguments.rounds.min(11), arguments.held, &mut out)
}

/// Connections as a router of v2 sends them: the first update with everything, or a later one with what counts up.
fn message(first: u32, pass: u64, whole: bool) -> Vec<u8> {
    let names: Vec<_> =
        (first..first + BATCH).map(|number| (format!("w3st0:{number}"), (20_000 + number % 40_000).to_string())).collect();
    let counters =
        |number: u32| [(Attribute::OCTETS, 1_000 + u64::from(number) + pass), (Attribute::OCTETS_REVERSE, 90_000 + pass)];
    let attributes: Vec<Vec<(Attribute, Scalar<'_>)>> = names
        .iter()
        .zip(first..)
        .map(|((_, port), number)| {
            let texts = [
                (Attribute::PARENT, "w3st0:2"),
                (Attribute::SOURCE_HOST, "10.244.1.17"),
                (Attribute::SOURCE_PORT, port),
                (Attribute::TRACE, "0/skupper-router-7c9f8d6b5-w3st0"),
                (Attribute::CONNECTOR, "iQeO_:2"),
                (Attribute::PROXY_HOST, "10.244.3.9"),
                (Attribute::PROXY_PORT, port),
            ];
            let numbers =
                [(Attribute::START_TIME, 1_795_233_113_958_151), (Attribute::LATENCY, 451), (Attribute::PROCESS_LATENCY, 170)];
            let mut all: Vec<_> = counters(number).into_iter().map(|(code, number)| (code, Scalar::Number(number))).collect();
            if whole {
                all.extend(texts.into_iter().map(|(code, text)| (code, Scalar::Text(text.into()))));
                all.extend(numbers.into_iter().map(|(code, number)| (code, Scalar::Number(number))));
                all.sort();
            }
            all
        })
        .collect();
    let specs: Vec<RecordSpec<'_>> =
        names.iter().zip(&attributes).map(|((name, _), list)| (RecordType::BIFLOW_TPORT, &**name, &**list)).collect();
    records(None, "mc/sfe.w3st0:0.flows", &specs)
}

fn read(octets: &[u8]) -> u64 {
    let mut sum = 0_u64;
    if let Ok(Message { content: Content::Record(updates), .. }) = Message::parse(octets) {
        for update in updates.flatten() {
            for (_, value) in update.attributes() {
                sum = sum.wrapping_add(black_box(value).number().unwrap_or(1));
            }
        }
    }
    sum
}

/// Nanoseconds of one turn, each at least as long as the clock tells well.
fn turn(passes: u32, mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..passes {
        run();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(passes)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

fn decode(rounds: usize, out: &mut impl Write) -> anyhow::Result<()> {
    for (size, messages) in [("180KB", 14_u32), ("3MB", 240)] {
        let messages: Vec<_> = (0..messages).map(|number| message(number * BATCH, 0, true)).collect();
        let updates = f64::from(u32::try_from(messages.len())? * BATCH);
        let octets: usize = messages.iter().map(Vec::len).sum();
        ensure!(messages.iter().map(|octets| read(octets)).sum::<u64>() > 0, "nothing was read");
        let mut place = vec![0_u8; messages.iter().map(Vec::len).max().unwrap_or(0)];
        let (mut ours, mut copies) = (Vec::new(), Vec::new());
        #[cfg(feature = "peer-amqp")]
        let (bodies, mut peers): (Vec<Vec<u8>>, _) = (messages.iter().filter_map(|octets| body(octets)).collect(), Vec::new());
        for _ in 0..rounds {
            // Turns are short, so that most are not interrupted where the machine is shared.
            ours.push(turn(1, || {
                for message in &messages {
                    black_box(read(message));
                }
            }));
            copies.push(turn(1, || {
                for message in &messages {
                    if let Some(place) = place.get_mut(..message.len()) {
                        place.copy_from_slice(message);
                    }
                    black_box(&place);
                }
            }));
            #[cfg(feature = "peer-amqp")]
            peers.push(turn(1, || {
                for body in &bodies {
                    black_box(serde_amqp::from_slice::<serde_amqp::Value>(body).ok());
                }
            }));
        }
        let ratio = |others: &[f64]| median(others.iter().zip(&ours).map(|(other, ours)| other / ours).collect());
        write!(
            out,
            "vanflow_decode {size:>6}: {:.0} ns/update, {:.2} GB/s, {:.1} % of copy",
            median(ours.clone()) / updates,
            f64::from(u32::try_from(octets)?) / median(ours.clone()),
            ratio(&copies) * 100.0
        )?;
        #[cfg(feature = "peer-amqp")]
        {
            let read = bodies.iter().filter(|body| serde_amqp::from_slice::<serde_amqp::Value>(body).is_ok()).count();
            write!(
                out,
                "; serde_amqp::Value of the body alone {:.1} times ours ({read} of {} read)",
                ratio(&peers),
                bodies.len()
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The octets of the amqp-value section's value.
#[cfg(feature = "peer-amqp")]
fn body(message: &[u8]) -> Option<Vec<u8>> {
    let at = message.windows(4).position(|window| window == [0, 0x53, 0x77, 0xd0])?;
    message.get(at + 3..).map(<[u8]>::to_vec)
}

/// A collector that holds `held` connections takes later updates of all of them, message by message.
fn merge(rounds: usize, most: u32, out: &mut impl Write) -> anyhow::Result<()> {
    let now = Timestamp::from_seconds(1_795_233_200);
    for held in [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|held| *held <= most) {
        let mut settings = Settings::default();
        (settings.flows, settings.total_bytes, settings.changes) = (2_000_000, 8 << 30, 0);
        let mut collector = Collector::new(settings);
        let firsts: Vec<u32> = (0..held).step_by(usize::try_from(BATCH)?).collect();
        let mut create = 0.0;
        for first in &firsts {
            let octets = message(*first, 0, true);
            create += turn(1, || {
                black_box(collector.message(now, "mc/sfe.w3st0:0.flows", &octets).ok());
            });
        }
        // As many updates whatever is held, spread over all that is held.
        let stride = (firsts.len() / 20).max(1);
        let mut times = Vec::new();
        for round in 0..rounds {
            let pass = u64::try_from(round)? + 1;
            let updates: Vec<_> = firsts.iter().step_by(stride).map(|first| message(*first, pass, false)).collect();
            let count = f64::from(u32::try_from(updates.len())? * BATCH);
            let mut updates = updates.iter();
            times.push(
                turn(u32::try_from(updates.len())?, || {
                    if let Some(octets) = updates.next() {
                        black_box(collector.message(now, "mc/sfe.w3st0:0.flows", octets).ok());
                    }
                }) / f64::from(BATCH),
            );
            ensure!(count > 0.0, "nothing to merge");
        }
        ensure!(collector.stats().updates >= u64::from(held), "{:?}", collector.stats());
        writeln!(
            out,
            "vanflow_merge {held:>9} held: {:.0} ns/update of two counters, {:.0} ns/new connection of twelve attributes, {} octets each",
            median(times),
            create / f64::from(held),
            collector.bytes_held() / usize::try_from(held)?
        )?;
    }
    Ok(())
}
