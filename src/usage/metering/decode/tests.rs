//! Decoders give the same bytes in any split, within bounds.

use std::io::Write;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;

/// The name in a header, and a function that encodes pieces with a flush after each.
type Encoder = (&'static str, fn(&[&[u8]]) -> Vec<u8>);

const ENCODERS: [Encoder; 6] = [
    ("gzip", |pieces| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        write(&mut encoder, pieces);
        encoder.finish().unwrap()
    }),
    ("X-GZIP", |pieces| pieces.iter().flat_map(|piece| gzip(piece)).collect()),
    ("deflate", |pieces| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        write(&mut encoder, pieces);
        encoder.finish().unwrap()
    }),
    ("Deflate", |pieces| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        write(&mut encoder, pieces);
        encoder.finish().unwrap()
    }),
    ("br", |pieces| {
        let mut encoder = CompressorWriter::new(Vec::new(), 4096, 5, 22);
        write(&mut encoder, pieces);
        encoder.into_inner()
    }),
    ("zstd", |pieces| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        write(&mut encoder, pieces);
        encoder.finish().unwrap()
    }),
];

fn write(encoder: &mut impl Write, pieces: &[&[u8]]) {
    for piece in pieces {
        encoder.write_all(piece).unwrap();
        encoder.flush().unwrap();
    }
}

/// One member with all optional parts of a header.
fn gzip(piece: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().extra("extra").filename("name").comment("comment");
    let mut encoder = builder.write(Vec::new(), Compression::fast());
    encoder.write_all(piece).unwrap();
    encoder.finish().unwrap()
}

fn decoder(coding: &str) -> Decoder {
    Decoder::of(coding.as_bytes()).unwrap()
}

/// Decodes bytes in chunks of these lengths, repeated, and returns whether the data was cut.
fn decode(coding: &str, encoded: &[u8], lengths: &[usize]) -> Result<(Vec<u8>, bool), Problem> {
    let mut decoder = decoder(coding);
    let (mut decoded, mut rest) = (Vec::new(), encoded);
    for length in lengths.iter().cycle() {
        let (chunk, after) = rest.split_at((*length).min(rest.len()));
        decoder.push(chunk, |plain| decoded.extend_from_slice(plain))?;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    Ok((decoded, decoder.is_cut()))
}

fn whole(coding: &str, encoded: &[u8]) -> Result<(Vec<u8>, bool), Problem> {
    decode(coding, encoded, &[encoded.len().max(1)])
}

#[test]
fn only_supported_codings_have_a_decoder() {
    for coding in ["", "compress", "gzip, br", "gzip,", "gzi", "dcb", "identity"] {
        assert!(Decoder::of(coding.as_bytes()).is_none(), "{coding}");
    }
}

#[test]
fn flushed_bytes_are_decoded_at_once() {
    let events = ["data: {\"a\":1}\n\n", "data: {\"b\":2}\n\n", "data: [DONE]\n\n"];
    let pieces = events.map(str::as_bytes);
    for (coding, encode) in ENCODERS {
        let mut decoder = decoder(coding);
        let (mut at, mut decoded) = (0, Vec::new());
        let encoded = encode(&pieces);
        for count in 1..=pieces.len() {
            // A shorter input has the same encoding, except for its end.
            let part = encode(&pieces[..count]);
            let same = part.iter().zip(&encoded).take_while(|(a, b)| a == b).count();
            let end = if count == pieces.len() { encoded.len() } else { same };
            decoder.push(&encoded[at..end], |plain| decoded.extend_from_slice(plain)).unwrap();
            at = end;
            assert!(decoded.ends_with(pieces[count - 1]), "{coding}: event {count}");
        }
        assert!(!decoder.is_cut(), "{coding}");
    }
}

#[test]
fn a_body_may_be_empty_and_its_end_is_known() {
    for (coding, encode) in ENCODERS {
        assert_eq!(whole(coding, b""), Ok((vec![], false)), "{coding}");
        let encoded = encode(&[b"some text, and more of the text"]);
        for length in 1..encoded.len() {
            let (_, is_cut) = whole(coding, &encoded[..length]).unwrap();
            assert!(is_cut, "{coding} {length}");
        }
        // The end may coincide with the end of a step.
        for length in [STEP, 2 * STEP] {
            let text = vec![b'x'; length];
            let decoded = whole(coding, &encode(&[&text]));
            assert!(decoded == Ok((text, false)), "{coding} {length}");
        }
    }
}

#[test]
fn damaged_data_and_data_after_the_end_are_refused() {
    for (coding, encode) in ENCODERS {
        let encoded = encode(&[b"some text, and more of the text"]);
        let followed = [&encoded[..], b"\0\0"].concat();
        assert_eq!(whole(coding, &followed), Err(Problem::Malformed), "{coding}");
        assert_eq!(decode(coding, &followed, &[1]), Err(Problem::Malformed), "{coding}");
        // Neither of these has a checksum here.
        if !["br", "zstd", "Deflate"].contains(&coding) {
            let mut damaged = encoded.clone();
            damaged[encoded.len() - 1] ^= 1;
            assert_eq!(whole(coding, &damaged), Err(Problem::Malformed), "{coding}");
        }
        assert_eq!(whole(coding, b"\xff{\"a\":1}{\"a\":1}"), Err(Problem::Malformed), "{coding}");
    }
}

#[test]
fn zstd_windows_beyond_8_mib_and_large_ones_of_brotli_stop_it() {
    let text = b"some text, and more of the text";
    for (log, expected) in
        [(23, Ok(())), (24, Err(Problem::Overflow)), (27, Err(Problem::Overflow))]
    {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(log).unwrap();
        encoder.long_distance_matching(true).unwrap();
        write(&mut encoder, &[text]);
        assert_eq!(whole("zstd", &encoder.finish().unwrap()).map(|_| ()), expected, "{log}");
    }
    let parameters =
        brotli::enc::BrotliEncoderParams { large_window: true, lgwin: 28, ..Default::default() };
    let mut encoded = Vec::new();
    brotli::BrotliCompress(&mut &text[..], &mut encoded, &parameters).unwrap();
    assert_eq!(whole("br", &encoded), Err(Problem::Overflow));
}

/// Text that compresses to about half, so that it does not look like a bomb.
fn hexadecimal(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..length).map(|_| b"0123456789abcdef"[random.usize(..16)]).collect()
}

#[test]
fn the_window_of_one_body_is_bounded_unless_it_is_short() {
    let text = hexadecimal(window::OF_ONE + (1 << 20));
    for (log, expected) in [(20, Ok(())), (23, Err(Problem::Overflow))] {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log).unwrap();
        write(&mut encoder, &[&text]);
        let encoded = encoder.finish().unwrap();
        assert_eq!(whole("zstd", &encoded).map(|_| ()), expected, "zstd {log}");
        // A window is reserved at once, but uses memory only as it fills.
        let short = &encoded[..encoded.len() / 2];
        assert!(whole("zstd", short).is_ok(), "zstd {log}");
    }
    for (log, expected) in [(20, Ok(())), (24, Err(Problem::Overflow))] {
        let mut encoder = CompressorWriter::new(Vec::new(), 4096, 1, log);
        write(&mut encoder, &[&text]);
        let encoded = encoder.into_inner();
        assert_eq!(whole("br", &encoded).map(|_| ()), expected, "br {log}");
    }
}

#[test]
fn runs_of_one_byte_in_zstd_use_no_more_memory_than_others() {
    // Frames of run-length blocks of the largest size.
    let block = [0x02, 0x00, 0x10, b' '];
    for (blocks, frames) in [(1000, 1), (2, 1000)] {
        let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68];
        let frame = [&window, &block.repeat(blocks)[..], &[0x01, 0, 0]].concat();
        let started = Instant::now();
        let result = decode("zstd", &frame.repeat(frames), &[16 * 1024]);
        assert_eq!(result, Err(Problem::Overflow), "{blocks} {frames}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

/// Zeros, which compress best. Encoded piece by piece, so that the test itself needs little memory.
fn bomb(encode: fn(&[&[u8]]) -> Vec<u8>) -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    encode(&[&zeros[..]; 16])
}

#[test]
fn a_bomb_is_detected_within_its_frame() {
    for (coding, encode) in ENCODERS {
        let bomb = bomb(encode);
        for frame in [16 * 1024, bomb.len()] {
            let mut decoder = decoder(coding);
            let (mut decoded, mut frames) = (0_u64, 0_u64);
            let started = Instant::now();
            let memory = measure(|| {
                let result = bomb.chunks(frame).try_for_each(|frame| {
                    frames += 1;
                    decoder.push(frame, |plain| decoded += plain.len() as u64)
                });
                assert_eq!(result, Err(Problem::Overflow), "{coding}");
            });
            assert!(decoded <= ALLOWANCE + RATIO * frames * frame as u64, "{coding} {decoded}");
            // zstd's memory is allocated in C and not counted; brotli's includes its window of 4
            // MiB.
            assert!(memory.bytes_max < 10 << 20, "{coding} {}", memory.bytes_max);
            assert!(started.elapsed() < Duration::from_secs(5), "{coding}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_chunking_decodes_to_the_original(
        pieces in prop::collection::vec(
            prop_oneof![
                "[a-z\"{}:, ]{0,40}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..2000),
                (any::<u8>(), 0_usize..40_000).prop_map(|(byte, length)| vec![byte; length]),
            ],
            1..6,
        ),
        lengths in prop::collection::vec(prop_oneof![0_usize..5, 1_usize..20_000], 1..6),
        coding in 0..ENCODERS.len(),
    ) {
        let (coding, encode) = ENCODERS[coding];
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let lengths = [&lengths[..], &[7]].concat();
        let encoded = encode(&pieces);
        prop_assert_eq!(decode(coding, &encoded, &lengths), Ok((pieces.concat(), false)));
    }

    #[test]
    fn no_bytes_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        coding in 0..ENCODERS.len(),
        keep in 0_usize..40,
        length in 1_usize..50,
    ) {
        let (coding, encode) = ENCODERS[coding];
        let honest = encode(&[b"some text, and more of the text"]);
        bytes.splice(..0, honest[..keep.min(honest.len())].iter().copied());
        let in_chunks = decode(coding, &bytes, &[length]);
        prop_assert_eq!(in_chunks.is_ok(), whole(coding, &bytes).is_ok());
    }
}
