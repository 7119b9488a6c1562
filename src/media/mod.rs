//! What is in a file that somebody sent: a picture that can be shown, or anything else.
//!
//! Invariants:
//! * A picture is what decodes as one, from the first byte to the end of its format. What stands behind that, or in
//!   places that say something about the picture (EXIF, comments), is not kept.
//! * Whatever else it is (a document, HTML, SVG, half a picture), it is [`MediaType::Other`], and kept as it is.
//! * What pictures unpack to is bounded before they are unpacked.

mod reader;
mod strip;
#[cfg(test)]
mod tests;

use std::{io::Cursor, sync::Arc};

use bytes::Bytes;
use image::{
    ColorType, DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
    metadata::Orientation,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
};

use crate::config::{Cap, UploadSettings};
pub use crate::entity::upload::MediaType;

/// Bytes that decoding takes for each pixel: red, green, blue, and how much is seen of it.
const BYTES_PER_PIXEL: u64 = 4;

/// What decoders need besides.
const DECODER_BYTES: u64 = 16 * 1024 * 1024;

/// How good a JPEG is that had to be turned the right way up, from 1 to 100.
const JPEG_QUALITY: u8 = 90;

/// A file, looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// What it is.
    pub media_type: MediaType,
    /// Of a picture: how wide and high it is, in pixels, as it is shown.
    pub size: Option<(u32, u32)>,
    /// What is to be kept of it.
    pub bytes: Bytes,
}

/// Looks files through, a few at a time. Clones share the bounds.
#[derive(Clone, Debug)]
pub struct Inspector {
    /// Whoever receives a file, or has one that is not stored yet, holds one of these.
    admitted: Arc<Semaphore>,
    /// Whoever looks one through holds one of these.
    running: Arc<Semaphore>,
    pixels_max: u64,
}

/// The right to receive a file, and to have it until it is stored.
#[derive(Debug)]
pub struct Admission {
    _place: OwnedSemaphorePermit,
}

impl Inspector {
    /// An inspector with these bounds.
    pub fn new(settings: &UploadSettings) -> Self {
        let places = settings.receiving_max.or_max().min(Semaphore::MAX_PERMITS);
        Self {
            admitted: Arc::new(Semaphore::new(places)),
            running: Arc::new(Semaphore::new(settings.decode_concurrency)),
            pixels_max: match settings.image_pixels_max {
                Cap::Max(pixels) => pixels,
                Cap::Off => u64::MAX / BYTES_PER_PIXEL / 2,
            },
        }
    }

    /// Lets one more file be received; `None` when there are as many as there may be.
    pub fn admit(&self) -> Option<Admission> {
        let place = Arc::clone(&self.admitted).try_acquire_owned().ok()?;
        Some(Admission { _place: place })
    }

    /// Looks a file through, on a thread where that may take its time.
    pub async fn inspect(&self, bytes: Bytes) -> Inspected {
        let Ok(running) = Arc::clone(&self.running).acquire_owned().await else {
            return other(bytes);
        };
        let pixels_max = self.pixels_max;
        let looked_through = {
            let bytes = bytes.clone();
            task::spawn_blocking(move || {
                let picture = picture(&bytes, pixels_max);
                // Held until the work is done, also when the caller went away meanwhile.
                drop(running);
                picture
            })
        };
        // A file that makes a decoder panic is no picture.
        looked_through.await.ok().flatten().unwrap_or_else(|| other(bytes))
    }
}

fn other(bytes: Bytes) -> Inspected {
    Inspected {
        media_type: MediaType::Other,
        size: None,
        bytes,
    }
}

/// The picture that a file is, if it is one.
fn picture(bytes: &[u8], pixels_max: u64) -> Option<Inspected> {
    let format = image::guess_format(bytes).ok()?;
    let (media_type, stripped) = match format {
        ImageFormat::Jpeg => (MediaType::Jpeg, strip::jpeg(bytes)?),
        ImageFormat::Png => (MediaType::Png, strip::png(bytes)?),
        ImageFormat::WebP => (MediaType::Webp, strip::webp(bytes)?),
        ImageFormat::Gif => (MediaType::Gif, strip::gif(bytes)?),
        _ => return None,
    };
    let orientation = decoder(bytes, format, pixels_max)?.orientation().ok()?;
    let mut decoder = decoder(&stripped, format, pixels_max)?;
    let profile = decoder.icc_profile().ok().flatten();
    let mut pixels = DynamicImage::from_decoder(decoder).ok()?;
    let bytes = if orientation == Orientation::NoTransforms {
        stripped
    } else {
        pixels.apply_orientation(orientation);
        encoded(&pixels, media_type, profile)?
    };
    Some(Inspected {
        media_type,
        size: Some((pixels.width(), pixels.height())),
        bytes: bytes.into(),
    })
}

/// A decoder for a picture that is not too large.
fn decoder(bytes: &[u8], format: ImageFormat, pixels_max: u64) -> Option<impl ImageDecoder + '_> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(pixels_max * BYTES_PER_PIXEL + DECODER_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    (u64::from(width) * u64::from(height) <= pixels_max).then_some(decoder)
}

/// A picture that was turned, in the format it had.
fn encoded(pixels: &DynamicImage, media_type: MediaType, profile: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match media_type {
        MediaType::Jpeg => write(pixels, JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), profile)?,
        MediaType::Png => write(pixels, PngEncoder::new(&mut bytes), profile)?,
        MediaType::Webp => write(pixels, WebPEncoder::new_lossless(&mut bytes), profile)?,
        MediaType::Gif | MediaType::Other => return None,
    }
    Some(bytes)
}

fn write(pixels: &DynamicImage, mut encoder: impl ImageEncoder, profile: Option<Vec<u8>>) -> Option<()> {
    // A profile for inks says nothing about the red, green and blue that they were decoded to.
    if let Some(profile) = profile.filter(|profile| profile.get(16..20) != Some(b"CMYK")) {
        // A format without a place for it goes without.
        encoder.set_icc_profile(profile).ok();
    }
    let color = match pixels.color() {
        color @ (ColorType::L8 | ColorType::Rgb8) => color,
        color if color.has_alpha() => ColorType::Rgba8,
        _ => ColorType::Rgb8,
    };
    let converted = match color {
        ColorType::L8 => DynamicImage::ImageLuma8(pixels.to_luma8()),
        ColorType::Rgba8 => DynamicImage::ImageRgba8(pixels.to_rgba8()),
        _ => DynamicImage::ImageRgb8(pixels.to_rgb8()),
    };
    converted.write_with_encoder(encoder).ok()
}
