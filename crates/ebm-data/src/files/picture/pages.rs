//! Whether a file has a second image.

/// Whether the first directory of a TIFF file points to another.
pub(super) fn has_two_pages(content: &[u8]) -> bool {
    second_page(content).is_some_and(|offset| offset != 0)
}

fn second_page(content: &[u8]) -> Option<u64> {
    let big_endian = content.starts_with(b"MM");
    let number = |at: u64, size: usize| -> Option<u64> {
        let bytes = content.get(usize::try_from(at).ok()?..)?.get(..size)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    };
    // BigTIFF has longer numbers.
    if number(2, 2)? == 43 {
        let first = number(8, 8)?;
        let entries = number(first, 8)?;
        return number(first.checked_add(8)?.checked_add(entries.checked_mul(20)?)?, 8);
    }
    let first = number(4, 4)?;
    let entries = number(first, 2)?;
    number(first + 2 + 12 * entries, 4)
}

/// Whether a GIF has a second frame.
pub(super) fn has_two_frames(content: &[u8]) -> bool {
    let mut options = gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    let Ok(mut decoder) = options.read_info(content) else { return false };
    (0..2).all(|_| matches!(decoder.next_frame_info(), Ok(Some(_))))
}
