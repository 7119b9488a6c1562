//! Files: pictures, what is meant to be taken for some, and plain ones.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use parlour::{
    chat::{NewUpload, UploadName},
    media::{Inspected, MediaType},
};

/// What a browser would run, were it shown as a page.
pub const SCRIPT: &[u8] = b"<html><script>alert(document.domain)</script></html>";

/// A file that is no picture, as it is before it is stored.
pub fn plain_file() -> NewUpload {
    NewUpload {
        name: UploadName::parse("plan.txt").unwrap(),
        inspected: Inspected {
            media_type: MediaType::Other,
            size: None,
            bytes: "at eight".into(),
        },
    }
}

/// A picture, 4 wide and 3 high.
pub fn picture(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(RgbImage::new(4, 3))
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

/// Files that are a page to one who wants to see one, by what they are called.
pub fn pages_in_disguise() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("page.html", SCRIPT.to_vec()),
        ("page.png", SCRIPT.to_vec()),
        (
            "drawing.svg",
            [
                b"<svg xmlns=\"http://www.w3.org/2000/svg\">".as_slice(),
                SCRIPT,
                b"</svg>",
            ]
            .concat(),
        ),
        ("both.gif", [b"GIF89a/*".as_slice(), SCRIPT, b"*/=1"].concat()),
        ("before.png", [SCRIPT, &picture(ImageFormat::Png)].concat()),
        ("document.pdf", [b"%PDF-1.7\n".as_slice(), SCRIPT].concat()),
        ("program.js", b"alert(1)".to_vec()),
    ]
}
