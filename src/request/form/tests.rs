//! The model of a multipart form is found in any split, and nothing ambiguous is a form.

use super::*;
use proptest::prelude::*;

fn form() -> Form {
    Form::of(b"multipart/form-data; boundary=x").unwrap()
}

fn read(body: &[u8], length: usize) -> Result<Option<String>, FormError> {
    let mut form = form();
    body.chunks(length).try_for_each(|chunk| form.push(chunk))?;
    form.finish()?;
    Ok(form.model().map(str::to_owned))
}

fn part(head: &str, body: &str) -> String {
    format!("--x\r\n{head}\r\n\r\n{body}\r\n")
}

const MODEL: &str = "Content-Disposition: form-data; name=\"model\"";
const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a;b.wav\"\r\nContent-Type: audio/wav";

#[test]
fn the_model_is_found_before_and_after_files() {
    let file = part(FILE, "\0\r\n--\r\n-x\r--\n");
    for head in [
        MODEL,
        "content-disposition:form-data;name=model",
        "CONTENT-DISPOSITION: Form-Data ; NAME=\"model\"\r\ncontent-type: text/plain; charset=UTF-8",
    ] {
        let model = part(head, "whisper-1");
        for body in [format!("{model}{file}--x--"), format!("{file}{model}--x--\r\n")] {
            for length in 1..body.len() + 1 {
                let read = read(body.as_bytes(), length);
                assert_eq!(read, Ok(Some("whisper-1".into())), "{body} {length}");
            }
        }
    }
    assert_eq!(read(format!("{file}--x--\r\n").as_bytes(), 5), Ok(None));
    assert_eq!(read(format!("{}--x--", part(MODEL, "")).as_bytes(), 5), Ok(Some("".into())));
}

#[test]
fn an_ambiguous_form_is_refused() {
    let model = part(MODEL, "m");
    let heads = [
        "content-disposition: form-data; name*=utf-8''model",
        "content-disposition: form-data; name=\"mod\\el\"",
        "content-disposition: form-data; name=\"mod%65l\"",
        "content-disposition: form-data; name=\"Model\"",
        "content-disposition: form-data; name=\"model[]\"",
        "content-disposition: form-data; name=\" model\"",
        "content-disposition: form-data; name=\"models\"",
        "content-disposition: form-data; name=\"session\"",
        "content-disposition: form-data; name=\"_charset_\"",
        "content-disposition: form-data; name=\"a\"; name=\"model\"",
        "content-disposition: form-data; filename=\"a\\\"; name=\"model\"",
        "content-disposition: form-data; name=\"a\";\r\n name=\"model\"",
        "content-disposition: form-data; name=\"a\"\r\ncontent-disposition: form-data; name=\"model\"",
        "content-disposition: form-data; name=\"a\"\ncontent-disposition: form-data; name=\"model\"",
        "content-disposition: attachment; name=\"a\"",
        "content-disposition: form-data; name=\"model\"; filename=\"a\"",
        "content-disposition: form-data; name=\"model\"\r\ncontent-type: application/json",
        "content-disposition: form-data; name=\"model\"\r\ncontent-transfer-encoding: base64",
        "content-disposition: form-data; name=\"a\"\r\ncontent-type: multipart/mixed; boundary=y",
        "content-disposition : form-data; name=\"model\"",
        "x: y",
        "x",
    ];
    for head in heads {
        let body = format!("{}--x--", part(head, "m"));
        for length in [1, 7, body.len()] {
            assert_eq!(read(body.as_bytes(), length), Err(FormError), "{head}");
        }
    }
    for body in [
        format!("{model}{model}--x--"),
        format!("preamble\r\n{model}--x--"),
        format!("\r\n{model}--x--"),
        format!("{model}--x--\r\nepilogue"),
        format!("{model}--x--\r\n{model}--x--"),
        model.clone(),
        format!("{model}--x"),
        format!("{model}--x-"),
        format!("{model}--xy\r\n"),
        format!("{model}--x \r\n"),
        format!("{}--x--", part(FILE, "a\n--x\ncontent-disposition: form-data; name=model\n\nno")),
        format!("{}--x--", part(FILE, "a--xb")),
        format!("--x\r\n{FILE}\r\n\r\n--x--"),
        format!("{}--x--", part(MODEL, &"m".repeat(257))),
        format!("{}--x--", part(MODEL, "a\nb")),
        format!("{}--x--", part(&format!("{FILE}\r\nx: {}", "y".repeat(9000)), "m")),
        String::new(),
        "{\"model\":\"m\"}".into(),
    ] {
        for length in [1, 7, body.len().max(1)] {
            assert_eq!(read(body.as_bytes(), length), Err(FormError), "{body}");
        }
    }
}

#[test]
fn the_content_type_has_one_boundary() {
    for good in [
        "multipart/form-data; boundary=----WebKitFormBoundaryAb1",
        "Multipart/Form-Data;BOUNDARY=\"a/b=c?\"; charset=utf-8",
        "multipart/form-data;   boundary=a'()+_,-./:=?b",
    ] {
        assert!(Form::of(good.as_bytes()).is_some(), "{good}");
    }
    for bad in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary*=utf-8''a",
        "multipart/form-data; boundary=\"a\\\"b\"",
        "multipart/form-data; boundary=\"a b\"",
        "multipart/form-data, application/json; boundary=a",
        "multipart/mixed; boundary=a",
        "application/json",
    ] {
        assert!(Form::of(bad.as_bytes()).is_none(), "{bad}");
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    assert!(Form::of(long.as_bytes()).is_none());
}

proptest! {
    #[test]
    fn every_split_reads_the_same(
        parts in prop::collection::vec(prop::sample::select(vec![
            "--x", "\r\n", "--", "-", "x", "\r", "\n", MODEL, FILE, "\r\n\r\n", "m",
            "--x\r\n", "\r\n--x--\r\n",
        ]), 0..12),
        length in 1_usize..9,
    ) {
        let body = format!("--x\r\n{}", parts.concat());
        prop_assert_eq!(read(body.as_bytes(), length), read(body.as_bytes(), body.len()));
    }
}
