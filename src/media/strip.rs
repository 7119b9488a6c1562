//! A picture without what is not part of it: what cameras and programs wrote into it (EXIF, XMP, comments,
//! thumbnails), and whatever stands behind its end.
//!
//! Each function copies the parts that are known to make the picture, and no others, without decoding it. It gives
//! `None` for what is not put together as the format says; whether it is a picture, decoders say.

use super::reader::Reader;

/// The chunks of a PNG that make the picture, animated ones too, and say what its colours mean.
const PNG_CHUNKS: [&[u8; 4]; 14] = [
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"acTL",
    b"fcTL", b"fdAT",
];

/// The same of a WebP.
const WEBP_CHUNKS: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];

/// The flags of a WebP's header that say there are EXIF and XMP.
const WEBP_METADATA: u8 = 0b0000_1100;

const PNG_SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// Parts of GIFs begin with one of these.
const GIF_EXTENSION: u8 = 0x21;
const GIF_IMAGE: u8 = 0x2c;
const GIF_END: u8 = 0x3b;

/// Markers of JPEGs, after the 0xff that each begins with.
const JPEG_START: u8 = 0xd8;
const JPEG_END: u8 = 0xd9;
const JPEG_SCAN: u8 = 0xda;

pub(super) fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(bytes);
    if reader.array()? != [0xff, JPEG_START] {
        return None;
    }
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend([0xff, JPEG_START]);
    loop {
        let marker = jpeg_marker(&mut reader)?;
        match marker {
            JPEG_END => {
                kept.extend([0xff, JPEG_END]);
                return Some(kept);
            }
            // These have no content, and mean nothing here.
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let length = reader.array::<2>()?;
        let content = reader.take(usize::from(u16::from_be_bytes(length)).checked_sub(2)?)?;
        if !is_part_of_jpeg(marker, content) {
            continue;
        }
        kept.extend([0xff, marker]);
        kept.extend(length);
        kept.extend(content);
        if marker == JPEG_SCAN {
            kept.extend(jpeg_scan(&mut reader)?);
        }
    }
}

fn jpeg_marker(reader: &mut Reader<'_>) -> Option<u8> {
    if reader.byte()? != 0xff {
        return None;
    }
    loop {
        match reader.byte()? {
            // There may be any number of them before a marker.
            0xff => {}
            0x00 => return None,
            marker => return Some(marker),
        }
    }
}

/// Whether a segment makes the picture. Of those that belong to programs, three say what its numbers mean.
fn is_part_of_jpeg(marker: u8, content: &[u8]) -> bool {
    match marker {
        // With a thumbnail it would be longer.
        0xe0 => content.starts_with(b"JFIF\0") && content.len() == 14,
        0xe2 => content.starts_with(b"ICC_PROFILE\0"),
        0xee => content.starts_with(b"Adobe"),
        0xe0..=0xef | 0xfe => false,
        _ => true,
    }
}

/// The pixels that follow the head of a scan, up to the next marker.
fn jpeg_scan<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let rest = reader.0;
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    let end = rest.windows(2).position(is_marker)?;
    reader.take(end)
}

pub(super) fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(bytes);
    if reader.take(PNG_SIGNATURE.len())? != PNG_SIGNATURE {
        return None;
    }
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend(PNG_SIGNATURE);
    loop {
        let length = reader.array::<4>()?;
        let kind = reader.array::<4>()?;
        // With the checksum behind it.
        let content = reader.take(usize::try_from(u32::from_be_bytes(length)).ok()?.checked_add(4)?)?;
        if PNG_CHUNKS.contains(&&kind) {
            kept.extend(length);
            kept.extend(kind);
            kept.extend(content);
        }
        if &kind == b"IEND" {
            return Some(kept);
        }
    }
}

pub(super) fn webp(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut file = Reader(bytes);
    if file.take(4)? != b"RIFF" {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(file.array()?)).ok()?;
    let mut reader = Reader(file.take(length)?);
    if reader.take(4)? != b"WEBP" {
        return None;
    }
    let mut chunks = Vec::with_capacity(bytes.len());
    while !reader.0.is_empty() {
        let kind = reader.array::<4>()?;
        let length = reader.array::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(length)).ok()?;
        let content = reader.take(size)?;
        // To an even number; some programs leave that out at the end.
        if size % 2 == 1 && !reader.0.is_empty() {
            reader.byte()?;
        }
        if !WEBP_CHUNKS.contains(&&kind) {
            continue;
        }
        chunks.extend(kind);
        chunks.extend(length);
        let start = chunks.len();
        chunks.extend(content);
        if &kind == b"VP8X" {
            *chunks.get_mut(start)? &= !WEBP_METADATA;
        }
        if size % 2 == 1 {
            chunks.push(0);
        }
    }
    let mut kept = b"RIFF".to_vec();
    kept.extend(u32::try_from(chunks.len() + 4).ok()?.to_le_bytes());
    kept.extend(b"WEBP");
    kept.extend(chunks);
    Some(kept)
}

pub(super) fn gif(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(bytes);
    let mut kept = Vec::with_capacity(bytes.len());
    // Signature, size, and what the table of colours is like.
    let head = reader.take(13)?;
    if !matches!(&head[..6], b"GIF87a" | b"GIF89a") {
        return None;
    }
    kept.extend(head);
    kept.extend(gif_colours(&mut reader, head[10])?);
    loop {
        match reader.byte()? {
            GIF_END => {
                kept.push(GIF_END);
                return Some(kept);
            }
            GIF_IMAGE => {
                let frame = reader.take(9)?;
                kept.push(GIF_IMAGE);
                kept.extend(frame);
                kept.extend(gif_colours(&mut reader, frame[8])?);
                kept.push(reader.byte()?);
                kept.extend(gif_blocks(&mut reader)?);
            }
            GIF_EXTENSION => {
                let label = reader.byte()?;
                let blocks = gif_blocks(&mut reader)?;
                // How long a frame is shown, and how often all of them.
                let repeats = [b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0"];
                if label == 0xf9 || label == 0xff && repeats.iter().any(|name| blocks.starts_with(*name)) {
                    kept.extend([GIF_EXTENSION, label]);
                    kept.extend(blocks);
                }
            }
            _ => return None,
        }
    }
}

/// A table of colours, where there is one.
fn gif_colours<'a>(reader: &mut Reader<'a>, flags: u8) -> Option<&'a [u8]> {
    if flags & 0x80 == 0 {
        return Some(&[]);
    }
    reader.take(3 << ((flags & 7) + 1))
}

/// Blocks up to the empty one, with their lengths.
fn gif_blocks<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let all = reader.0;
    loop {
        let length = usize::from(reader.byte()?);
        if length == 0 {
            return all.get(..all.len() - reader.0.len());
        }
        reader.take(length)?;
    }
}
