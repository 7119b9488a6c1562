#![expect(clippy::unwrap_used, reason = "tests")]

use image::{Rgba, RgbaImage};

use super::*;

const PIXELS_MAX: u64 = 10_000;

/// What nobody may find in what is kept.
const HIDDEN: &[u8] = b"<script>alert(1)</script>";

/// A picture, 3 wide and 2 high, red in its first corner.
fn made(format: ImageFormat) -> Vec<u8> {
    let mut pixels = RgbaImage::from_pixel(3, 2, Rgba([0, 0, 255, 255]));
    pixels.put_pixel(0, 0, Rgba([255, 0, 0, 255]));
    let mut bytes = Cursor::new(Vec::new());
    let pixels = DynamicImage::ImageRgba8(pixels);
    let pixels = if format == ImageFormat::Jpeg {
        pixels.to_rgb8().into()
    } else {
        pixels
    };
    pixels.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn all() -> [(ImageFormat, MediaType); 4] {
    [
        (ImageFormat::Jpeg, MediaType::Jpeg),
        (ImageFormat::Png, MediaType::Png),
        (ImageFormat::WebP, MediaType::Webp),
        (ImageFormat::Gif, MediaType::Gif),
    ]
}

/// EXIF that says how a picture has to be turned, and where it was taken.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif.extend(HIDDEN);
    exif
}

/// With something inserted at a place.
fn with(bytes: &[u8], at: usize, inserted: &[u8]) -> Vec<u8> {
    [&bytes[..at], inserted, &bytes[at..]].concat()
}

fn jpeg_segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], length.as_slice(), content].concat()
}

fn png_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let mut crc = u32::MAX;
    for byte in kind.iter().chain(content) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            };
        }
    }
    [length.as_slice(), kind, content, &(!crc).to_be_bytes()].concat()
}

fn webp_with(chunk: &[u8]) -> Vec<u8> {
    let mut bytes = made(ImageFormat::WebP);
    bytes.extend(chunk);
    let length = u32::try_from(bytes.len() - 8).unwrap().to_le_bytes();
    bytes[4..8].copy_from_slice(&length);
    bytes
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn inspected(bytes: &[u8]) -> Inspected {
    picture(bytes, PIXELS_MAX).unwrap_or_else(|| other(bytes.to_vec().into()))
}

/// The corners of what is kept that are red: first, last of the first row, first of the last row, last.
fn red_corners(kept: &Inspected) -> [bool; 4] {
    let pixels = image::load_from_memory(&kept.bytes).unwrap().to_rgb8();
    let (right, bottom) = (pixels.width() - 1, pixels.height() - 1);
    [(0, 0), (right, 0), (0, bottom), (right, bottom)].map(|(x, y)| {
        let [red, _, blue] = pixels.get_pixel(x, y).0;
        red > blue
    })
}

#[test]
fn pictures_are_what_they_are() {
    for (format, media_type) in all() {
        let bytes = made(format);
        let kept = inspected(&bytes);
        assert_eq!((kept.media_type, kept.size), (media_type, Some((3, 2))), "{format:?}");
        assert_eq!(kept.bytes, bytes, "{format:?}");
    }
}

#[test]
fn what_stands_behind_a_picture_is_not_kept() {
    for (format, media_type) in all() {
        let kept = inspected(&[&made(format), HIDDEN].concat());
        assert_eq!(
            (kept.media_type, &kept.bytes[..]),
            (media_type, &made(format)[..]),
            "{format:?}"
        );
    }
}

#[test]
fn what_says_something_about_a_picture_is_not_kept() {
    let (jpeg, png, gif) = (made(ImageFormat::Jpeg), made(ImageFormat::Png), made(ImageFormat::Gif));
    let comment = [&[0x21, 0xfe, u8::try_from(HIDDEN.len()).unwrap()], HIDDEN, &[0]].concat();
    let length = u32::try_from(HIDDEN.len()).unwrap().to_le_bytes();
    // Behind the header of 33 bytes; behind the head of 13 bytes and the table of colours.
    let gif_head = 13 + (3 << ((gif[10] & 7) + 1)) * usize::from(gif[10] >> 7);
    for (bytes, clean) in [
        (
            with(&jpeg, 2, &jpeg_segment(0xe1, &[b"Exif\0\0", &exif(1)[..]].concat())),
            &jpeg,
        ),
        (with(&jpeg, 2, &jpeg_segment(0xfe, HIDDEN)), &jpeg),
        (with(&jpeg, 2, &jpeg_segment(0xed, HIDDEN)), &jpeg),
        (
            with(&png, 33, &png_chunk(b"tEXt", &[b"Comment\0", HIDDEN].concat())),
            &png,
        ),
        (with(&png, 33, &png_chunk(b"eXIf", &exif(1))), &png),
        (with(&gif, gif_head, &comment), &gif),
        (
            webp_with(&[b"XMP ", &length[..], HIDDEN, &[0]].concat()),
            &made(ImageFormat::WebP),
        ),
    ] {
        assert!(contains(&bytes, HIDDEN));
        let kept = inspected(&bytes);
        assert_eq!(&kept.bytes[..], &clean[..], "{:?}", kept.media_type);
        assert!(kept.size.is_some());
    }
}

#[test]
fn a_picture_is_turned_as_its_camera_was_held() {
    let turned = [
        (1, (3, 2), [true, false, false, false]),
        (3, (3, 2), [false, false, false, true]),
        (6, (2, 3), [false, true, false, false]),
        (8, (2, 3), [false, false, true, false]),
    ];
    let png = made(ImageFormat::Png);
    for (orientation, size, corners) in turned {
        let kept = inspected(&with(&png, 33, &png_chunk(b"eXIf", &exif(orientation))));
        assert_eq!(
            (kept.media_type, kept.size),
            (MediaType::Png, Some(size)),
            "{orientation}"
        );
        assert_eq!(red_corners(&kept), corners, "{orientation}");
        assert!(!contains(&kept.bytes, HIDDEN));
    }
    let exif = jpeg_segment(0xe1, &[b"Exif\0\0", &exif(6)[..]].concat());
    let kept = inspected(&with(&made(ImageFormat::Jpeg), 2, &exif));
    assert_eq!((kept.media_type, kept.size), (MediaType::Jpeg, Some((2, 3))));
    assert!(!contains(&kept.bytes, HIDDEN));
}

#[test]
fn what_is_no_picture_is_kept_as_it_is_and_called_nothing() {
    let png = made(ImageFormat::Png);
    for bytes in [
        HIDDEN.to_vec(),
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec(),
        b"GIF89a/*\x01\0\x01\0\0\0*/=1;alert(1)//<script>alert(1)</script>".to_vec(),
        b"%PDF-1.7".to_vec(),
        b"BM\0\0\0\0".to_vec(),
        b"\x89PNG\r\n\x1a\n".to_vec(),
        png[..png.len() - 13].to_vec(),
        [HIDDEN, &png].concat(),
        made(ImageFormat::Jpeg)[..40].to_vec(),
        b"RIFF\x04\0\0\0WEBP".to_vec(),
        b"RIFF\xff\xff\xff\xffWEBPVP8 ".to_vec(),
        vec![0xff, 0xd8, 0xff, 0xd9],
        vec![0xff, 0xd8, 0xff, 0xe1, 0, 0],
        vec![0],
    ] {
        let kept = inspected(&bytes);
        assert_eq!(
            (kept.media_type, kept.size, &kept.bytes[..]),
            (MediaType::Other, None, &bytes[..])
        );
    }
}

#[test]
fn a_picture_of_more_pixels_than_allowed_is_not_unpacked() {
    // It says that it is 60,000 pixels wide and high, and has none.
    for size in [60_000_u32, u32::MAX >> 1] {
        let mut head = [size.to_be_bytes(), size.to_be_bytes()].concat();
        head.extend([8, 2, 0, 0, 0]);
        let bomb = [
            PNG,
            &png_chunk(b"IHDR", &head),
            &png_chunk(b"IDAT", b"x"),
            &png_chunk(b"IEND", b""),
        ]
        .concat();
        assert_eq!(inspected(&bomb).media_type, MediaType::Other);
    }
    let wide = |width| {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::new(width, 100)
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    };
    assert_eq!(inspected(&wide(100)).media_type, MediaType::Png);
    assert_eq!(inspected(&wide(101)).media_type, MediaType::Other);
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

#[test]
fn no_bytes_make_it_fail() {
    // Every picture, cut and changed at every place.
    for (format, _) in all() {
        let bytes = made(format);
        for at in 0..bytes.len() {
            inspected(&bytes[..at]);
            for value in [0, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                inspected(&changed);
            }
        }
    }
}
