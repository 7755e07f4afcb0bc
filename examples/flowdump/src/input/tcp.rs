//! Putting TCP segments in order, with limits, as far as IPFIX over TCP needs it.
//!
//! Each direction of a connection stands alone. Its first octets decide whether it is IPFIX: what is not, is
//! counted and forgotten. A capture that starts inside a connection is read from the first segment it has, which
//! helps only if a message starts there. A hole that outlives [`MAX_WAITING`] or the connection ends the stream.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use super::packet::{pass, pass_octets};
use super::recognise::ipfix_stream;
use super::{Each, Item, Passed, octets};

/// One segment.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "three are the flags of the header")]
pub(super) struct Segment<'a> {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) sequence: u32,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) bytes: &'a [u8],
    /// Where `bytes` is in the file.
    pub(super) offset: u64,
    pub(super) received_ns: i64,
    /// The capture does not hold all of the segment.
    pub(super) cut: bool,
}

/// The directions of connections of one capture.
#[derive(Debug, Default)]
pub(super) struct Connections {
    directions: HashMap<(SocketAddr, SocketAddr), Direction>,
    /// Counts segments, to know what was quiet longest.
    count: u64,
    /// Octets that wait behind holes, in all directions together.
    waiting: usize,
}

#[derive(Debug)]
struct Direction {
    state: State,
    source: SocketAddr,
    /// The first sequence number: that behind the SYN, or of the first segment that the capture has.
    first: u32,
    /// The next sequence number in order.
    next: u32,
    /// Octets that came in order so far: a sequence number that does not come round.
    position: u64,
    /// Segments behind a hole, by position.
    waiting: BTreeMap<u64, Piece>,
    /// Octets of those.
    held: usize,
    /// Position of the FIN.
    end: Option<u64>,
    number: u64,
}

#[derive(Debug)]
enum State {
    /// Too little to tell what it is.
    New(Vec<Piece>),
    /// IPFIX, with the number of the stream.
    Stream(u64),
    /// Passed over from here on.
    Passed(Passed),
    /// Ended; what comes now is repeated.
    Closed,
}

#[derive(Debug)]
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

/// The next number of a stream; a number is never given twice.
pub(super) fn next_stream() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Connections {
    /// Takes a segment.
    pub(super) fn segment(&mut self, segment: &Segment<'_>, each: &mut Each<'_>) -> ControlFlow<()> {
        let key = (segment.source, segment.destination);
        self.count += 1;
        let mut start = segment.sequence;
        if segment.syn {
            start = start.wrapping_add(1);
            let known = self.directions.get(&key);
            // A SYN that is repeated or comes late changes nothing; another one is a new connection with the old ports.
            if known.is_none_or(|known| known.first != start) {
                self.start(segment, start, each)?;
            }
        } else if !self.directions.contains_key(&key) {
            if segment.bytes.is_empty() {
                // A keep-alive would tell the wrong sequence number.
                return ControlFlow::Continue(());
            }
            self.start(segment, start, each)?;
        }
        let Some(direction) = self.directions.get_mut(&key) else {
            return ControlFlow::Continue(());
        };
        direction.number = self.count;
        if segment.rst {
            return direction.close(&mut self.waiting, State::Closed, each);
        }
        direction.take(segment, start, &mut self.waiting, each)
    }

    /// Ends all streams at the end of the capture.
    pub(super) fn finish(&mut self, each: &mut Each<'_>) -> ControlFlow<()> {
        let mut directions: Vec<_> = self.directions.drain().map(|(_, it)| it).collect();
        directions.sort_unstable_by_key(|direction| direction.number);
        for mut direction in directions {
            direction.close(&mut self.waiting, State::Closed, each)?;
        }
        ControlFlow::Continue(())
    }

    fn start(&mut self, segment: &Segment<'_>, next: u32, each: &mut Each<'_>) -> ControlFlow<()> {
        if self.directions.len() >= MAX_DIRECTIONS {
            self.forget_half(each)?;
        }
        let fresh = Direction {
            state: State::New(Vec::new()),
            source: segment.source,
            first: next,
            next,
            position: 0,
            waiting: BTreeMap::new(),
            held: 0,
            end: None,
            number: self.count,
        };
        let key = (segment.source, segment.destination);
        match self.directions.insert(key, fresh) {
            Some(mut old) => old.close(&mut self.waiting, State::Closed, each),
            None => ControlFlow::Continue(()),
        }
    }

    /// Forgets the directions that were quiet longest: half of them at once, so that it costs little for each.
    fn forget_half(&mut self, each: &mut Each<'_>) -> ControlFlow<()> {
        let mut numbers: Vec<_> = self.directions.values().map(|it| it.number).collect();
        let middle = numbers.len() / 2;
        let (_, &mut median, _) = numbers.select_nth_unstable(middle);
        let mut old: Vec<_> = self.directions.extract_if(|_, direction| direction.number < median).collect();
        old.sort_unstable_by_key(|(_, direction)| direction.number);
        for (_, mut direction) in old {
            direction.close(&mut self.waiting, State::Closed, each)?;
        }
        ControlFlow::Continue(())
    }
}

impl Direction {
    /// Takes the octets of a segment that starts at sequence number `start`.
    fn take(&mut self, segment: &Segment<'_>, start: u32, waiting: &mut usize, each: &mut Each<'_>) -> ControlFlow<()> {
        match self.state {
            State::Passed(why) => return pass(segment.bytes, why, each),
            State::Closed => return pass(segment.bytes, Passed::Repeated, each),
            State::New(_) | State::Stream(_) => {}
        }
        // Sequence numbers come round: the nearer way is meant.
        let ahead = i64::from(start.wrapping_sub(self.next).cast_signed());
        let length = octets(segment.bytes.len());
        if segment.fin && !segment.cut {
            let end = self.position.checked_add_signed(ahead).map(|at| at + length);
            self.end = end.filter(|&end| end >= self.position).or(self.end);
        }
        if ahead > 0 {
            self.wait(segment, ahead.unsigned_abs(), waiting, each)?;
        } else {
            let old = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX);
            let (old, new) = segment.bytes.split_at(old.min(segment.bytes.len()));
            pass(old, Passed::Repeated, each)?;
            let offset = segment.offset + octets(old.len());
            self.deliver(new, offset, segment.received_ns, each)?;
            if segment.cut && !new.is_empty() {
                return self.give_up(Passed::Truncated, waiting, each);
            }
            self.deliver_waiting(segment.received_ns, waiting, each)?;
        }
        if self.end.is_some_and(|end| end <= self.position) {
            return self.close(waiting, State::Closed, each);
        }
        ControlFlow::Continue(())
    }

    /// Keeps a segment until the octets ahead of it have come.
    fn wait(&mut self, segment: &Segment<'_>, ahead: u64, waiting: &mut usize, each: &mut Each<'_>) -> ControlFlow<()> {
        let bytes = segment.bytes;
        if bytes.is_empty() {
            return ControlFlow::Continue(());
        }
        let at = self.position + ahead;
        if self.waiting.get(&at).is_some_and(|it| it.bytes.len() >= bytes.len()) {
            return pass(bytes, Passed::Repeated, each);
        }
        let piece = Piece { offset: segment.offset, bytes: bytes.to_vec() };
        *waiting += bytes.len();
        self.held += bytes.len();
        if let Some(shorter) = self.waiting.insert(at, piece) {
            *waiting -= shorter.bytes.len();
            self.held -= shorter.bytes.len();
            pass(&shorter.bytes, Passed::Repeated, each)?;
        }
        if self.held > MAX_WAITING || *waiting > MAX_WAITING_IN_ALL {
            return self.give_up(Passed::SegmentMissing, waiting, each);
        }
        ControlFlow::Continue(())
    }

    /// Delivers the segments that wait no longer.
    fn deliver_waiting(&mut self, received_ns: i64, waiting: &mut usize, each: &mut Each<'_>) -> ControlFlow<()> {
        while let Some(first) = self.waiting.first_entry() {
            let Some(old) = self.position.checked_sub(*first.key()) else {
                break;
            };
            let Piece { offset, bytes } = first.remove();
            *waiting -= bytes.len();
            self.held -= bytes.len();
            let old = usize::try_from(old).unwrap_or(usize::MAX).min(bytes.len());
            let (old, new) = bytes.split_at(old);
            pass(old, Passed::Repeated, each)?;
            self.deliver(new, offset + octets(old.len()), received_ns, each)?;
        }
        if let State::Passed(why) = self.state {
            return self.give_up(why, waiting, each);
        }
        ControlFlow::Continue(())
    }

    /// Hands over octets that are next in order.
    fn deliver(&mut self, bytes: &[u8], offset: u64, received_ns: i64, each: &mut Each<'_>) -> ControlFlow<()> {
        if bytes.is_empty() {
            return ControlFlow::Continue(());
        }
        let length = octets(bytes.len());
        self.position += length;
        // A segment is far shorter than 4 GiB.
        self.next = self.next.wrapping_add(u32::try_from(length).unwrap_or_default());
        let head = match &mut self.state {
            State::New(head) => head,
            State::Stream(stream) => {
                return each(Item::Stream { stream: *stream, source: self.source, received_ns, offset, bytes });
            }
            State::Passed(why) => return pass(bytes, *why, each),
            State::Closed => return ControlFlow::Continue(()),
        };
        let bytes = bytes.to_vec();
        head.push(Piece { offset, bytes });
        let start = head.iter().flat_map(|piece| &piece.bytes).copied();
        let start: Vec<u8> = start.take(STREAM_START).collect();
        let Some(ipfix) = ipfix_stream(&start) else {
            return ControlFlow::Continue(());
        };
        let head = std::mem::take(head);
        if !ipfix {
            self.state = State::Passed(Passed::OtherTcp);
            return head.iter().try_for_each(|piece| pass(&piece.bytes, Passed::OtherTcp, each));
        }
        let stream = next_stream();
        self.state = State::Stream(stream);
        head.iter().try_for_each(|piece| {
            each(Item::Stream { stream, source: self.source, received_ns, offset: piece.offset, bytes: &piece.bytes })
        })
    }

    /// Ends the stream because of what is missing; the rest of the connection is passed over.
    fn give_up(&mut self, why: Passed, waiting: &mut usize, each: &mut Each<'_>) -> ControlFlow<()> {
        // A direction that was never recognised is no loss to anybody.
        let why = match self.state {
            State::Stream(_) => why,
            State::New(_) | State::Passed(_) | State::Closed => Passed::OtherTcp,
        };
        self.close(waiting, State::Passed(why), each)
    }

    /// Ends the stream and says what is left over.
    fn close(&mut self, waiting: &mut usize, state: State, each: &mut Each<'_>) -> ControlFlow<()> {
        let left = std::mem::take(&mut self.held);
        self.waiting.clear();
        *waiting -= left;
        let left = octets(left);
        match std::mem::replace(&mut self.state, state) {
            State::New(head) => {
                let head: usize = head.iter().map(|piece| piece.bytes.len()).sum();
                pass_octets(octets(head) + left, Passed::OtherTcp, each)
            }
            State::Stream(stream) => {
                pass_octets(left, Passed::SegmentMissing, each)?;
                each(Item::StreamEnd { stream })
            }
            State::Passed(why) => pass_octets(left, why, each),
            State::Closed => pass_octets(left, Passed::Repeated, each),
        }
    }
}

/// Directions that are remembered.
const MAX_DIRECTIONS: usize = 8192;
/// Octets of one direction that wait behind a hole: more than a usual TCP window.
const MAX_WAITING: usize = 1 << 20;
/// The same in all directions together.
const MAX_WAITING_IN_ALL: usize = 64 << 20;
/// Octets that tell whether a stream is IPFIX: a message header and a set id.
const STREAM_START: usize = 18;
