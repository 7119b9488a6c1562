//! Marks in the contents of messages, by which each copy is recognised: which run sent it, when, and its number. They
//! are letters only (one of `a` to `p` for four bits), so that no server changes them.

/// Letters of a mark: `pxm`, then 8 for the run, 16 for the time, 8 for the number.
pub const LENGTH: usize = RUN + 16 + 8;

/// Letters of the part that is the same for all marks of a run.
const RUN: usize = 3 + 8;

/// A message of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When it was due, in monotonic nanoseconds.
    pub time: u64,
    /// Its number in the run.
    pub number: u32,
}

/// The marks of one run.
pub struct Marks {
    run: Vec<u8>,
    finder: memchr::memmem::Finder<'static>,
}

impl Marks {
    /// Those of the run with this number.
    pub fn new(run: u32) -> Self {
        let mut begin = b"pxm".to_vec();
        put(&mut begin, u64::from(run), 8);
        Self {
            finder: memchr::memmem::Finder::new(&begin).into_owned(),
            run: begin,
        }
    }

    /// Appends a mark.
    pub fn write(&self, out: &mut Vec<u8>, mark: Mark) {
        out.extend_from_slice(&self.run);
        put(out, mark.time, 16);
        put(out, u64::from(mark.number), 8);
    }

    /// The first mark, and where it is. `guess` is tried first.
    #[inline]
    pub fn find(&self, frame: &[u8], guess: usize) -> Option<(usize, Mark)> {
        if frame.get(guess..).is_some_and(|rest| rest.starts_with(&self.run)) {
            return Some((guess, read(&frame[guess..])?));
        }
        let at = self.finder.find(frame)?;
        Some((at, read(&frame[at..])?))
    }

    /// All marks, in the order in which they stand.
    pub fn find_all<'a>(&'a self, frame: &'a [u8]) -> impl Iterator<Item = Mark> + 'a {
        self.finder.find_iter(frame).filter_map(|at| read(&frame[at..]))
    }
}

fn put(out: &mut Vec<u8>, number: u64, letters: u32) {
    out.extend(
        (0..letters)
            .rev()
            .map(|place| b'a' + ((number >> (4 * place)) & 15) as u8),
    );
}

#[inline]
fn read(mark: &[u8]) -> Option<Mark> {
    let (upper, rest) = mark.get(RUN..)?.split_first_chunk()?;
    let (lower, rest) = rest.split_first_chunk()?;
    Some(Mark {
        time: (u64::from(number(*upper)) << 32) | u64::from(number(*lower)),
        number: number(*rest.first_chunk()?),
    })
}

/// Eight letters as a number: neighbours are put together, first letters, then bytes, then pairs of them.
#[inline]
fn number(letters: [u8; 8]) -> u32 {
    let bits = u64::from_be_bytes(letters).wrapping_sub(0x6161_6161_6161_6161);
    let bits = (bits | (bits >> 4)) & 0x00ff_00ff_00ff_00ff;
    let bits = (bits | (bits >> 8)) & 0x0000_ffff_0000_ffff;
    (bits | (bits >> 16)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_were_written() {
        let marks = Marks::new(7);
        let (first, second) = (
            Mark {
                time: 0x0123_4567_89ab_cdef,
                number: 0xdead_beef,
            },
            Mark { time: 5, number: 6 },
        );
        let mut frame = b"[\"".to_vec();
        marks.write(&mut frame, first);
        frame.extend_from_slice(b"\",\"");
        marks.write(&mut frame, second);
        assert_eq!(frame.len(), 5 + 2 * LENGTH);
        assert_eq!(marks.find(&frame, 0), Some((2, first)));
        assert_eq!(marks.find(&frame, 5 + LENGTH), Some((5 + LENGTH, second)));
        assert_eq!(marks.find_all(&frame).collect::<Vec<_>>(), [first, second]);
        assert_eq!(marks.find(&frame[..LENGTH], 0), None);
        assert_eq!(Marks::new(8).find(&frame, 2), None);
    }
}
