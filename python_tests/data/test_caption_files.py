import pytest

from alignops.data import read_captions


def write(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_comma_separated(tmp_path):
    text = (
        "image,caption\r\n"
        "a.jpg,A dog runs .\r\n"
        'a.jpg,"A man, a plan, ""a canal"" ."\r\n'
        "b.jpg,Unquoted, with a comma .\r\n"
        'b.jpg,A sign says "stop" .\r\n'
        "\r\n"
    )
    assert read_captions(write(tmp_path / "captions.txt", text)) == {
        "a.jpg": ["A dog runs .", 'A man, a plan, "a canal" .'],
        "b.jpg": ["Unquoted, with a comma .", 'A sign says "stop" .'],
    }


def test_a_stray_quote_stays_in_its_line(tmp_path):
    text = 'image,caption\na.jpg,"A dog runs .\nb.jpg,A cat .\n'
    captions = read_captions(write(tmp_path / "captions.txt", text))
    assert captions == {"a.jpg": ["A dog runs ."], "b.jpg": ["A cat ."]}


def test_pipe_separated_with_the_known_missing_pipe(tmp_path):
    text = (
        "image_name| comment_number| comment\n"
        "a.jpg| 0| Two men, outside .\n"
        "2199200615.jpg| 4   A dog runs across the grass .\n"
    )
    assert read_captions(write(tmp_path / "results.csv", text)) == {
        "a.jpg": ["Two men, outside ."],
        "2199200615.jpg": ["A dog runs across the grass ."],
    }


def test_token_file(tmp_path):
    text = "a.jpg#0\tA dog, running .\na.jpg#1\tA brown dog .\nb.jpg#0\tA cat .\n"
    assert read_captions(write(tmp_path / "Flickr8k.token.txt", text)) == {
        "a.jpg": ["A dog, running .", "A brown dog ."],
        "b.jpg": ["A cat ."],
    }


def test_byte_order_mark_and_unicode_line_separators(tmp_path):
    path = write(tmp_path / "captions.txt", "\ufeffimage,caption\na.jpg,One\u2028line\n")
    assert read_captions(path) == {"a.jpg": ["One\u2028line"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"captions\.txt, line 1 is ''; expected a header 'image,caption' or"),
        ("a.jpg,A dog .\n", r"captions\.txt, line 1 is 'a.jpg,A dog \.'; expected"),
        ("image,caption\na.jpg,A dog .\nb.jpg\n", r"captions\.txt, line 3 is 'b\.jpg'; expected"),
        ("image,caption\na.jpg,\n", r"captions\.txt, line 2 is 'a.jpg,'; expected"),
    ],
)
def test_unreadable_lines_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_captions(write(tmp_path / "captions.txt", text))


def test_not_text(tmp_path):
    (tmp_path / "captions.txt").write_bytes(b"image,caption\n\xff\xfe")
    with pytest.raises(ValueError, match=r"captions\.txt is not UTF-8 text"):
        read_captions(tmp_path / "captions.txt")


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of captions at"):
        read_captions(tmp_path / "captions.txt")


@pytest.mark.parametrize(
    "text",
    [
        'image,caption\na.jpg,"A dog, running ."\na.jpg,Two dogs .\n',
        '"image","caption"\n"a.jpg","A dog, running ."\n"a.jpg","Two dogs ."\n',
        ',image,caption\n0,a.jpg,"A dog, running ."\n1,a.jpg,Two dogs .\n',
        'caption,split,image\n"A dog, running .",train,a.jpg\nTwo dogs .,test,a.jpg\n',
        'file_name,sentence,id\na.jpg,"A dog, running .",1\na.jpg,Two dogs .,2\n',
        "image\tcaption\na.jpg\tA dog, running .\na.jpg\tTwo dogs .\n",
        'image\tnumber\tcaption\na.jpg\t0\t"A dog, running ."\na.jpg\t1\tTwo dogs .\n',
        'image,caption\r\na.jpg,"A dog,\r\n running ."\r\na.jpg,"Two\r\ndogs ."\r\n',
        'image,caption,n\na.jpg,"A dog,\n\n running .",1\na.jpg,"Two\ndogs .",2\n',
    ],
)
def test_tables_as_pandas_writes_them(tmp_path, text):
    captions = read_captions(write(tmp_path / "captions.txt", text))
    assert captions == {"a.jpg": ["A dog, running .", "Two dogs ."]}


def test_a_line_after_a_field_of_several_lines_has_its_own_number(tmp_path):
    text = 'image,caption,n\na.jpg,"A\ndog\n.",1\nb.jpg,A cat .\n'
    message = r"captions\.txt, line 5 is 'b\.jpg,A cat \.', 2 columns; expected 3"
    with pytest.raises(ValueError, match=message):
        read_captions(write(tmp_path / "captions.txt", text))


@pytest.mark.parametrize(
    "text",
    [
        # The second quote ends a field; the line between has an image, so the first is a stray.
        'image,caption\na.jpg,"A dog runs .\nb.jpg,A cat .\nc.jpg,A board of 5"\n',
        'image,caption\na.jpg,A 5" dog .\nb.jpg,A cat .\nc.jpg,A 6" board\n',
        'image\tcaption\na.jpg\t"A dog .\nb.jpg\tA cat .\nc.jpg\t5"\n',
    ],
)
def test_a_stray_quote_swallows_no_other_image(tmp_path, text):
    captions = read_captions(write(tmp_path / "captions.txt", text))
    assert list(captions) == ["a.jpg", "b.jpg", "c.jpg"]
    assert captions["b.jpg"] == ["A cat ."]


LONG = "a" * 140_000


@pytest.mark.parametrize(
    "text",
    [
        f"image,caption\nb.jpg,A cat .\na.jpg,{LONG}\n",
        f'image,caption\nb.jpg,A cat .\na.jpg,"{LONG}"\n',
        'image,caption\nb.jpg,A cat .\na.jpg,"' + "word\n" * 30_000 + '"\n',
        f"image_name| comment_number| comment\na.jpg| 0| A dog .\na.jpg| 1| {LONG}\n",
        f"a.jpg#0\tA dog .\na.jpg#1\tA dog .\na.jpg#2\t{LONG}\n",
    ],
)
def test_a_caption_of_endless_length_is_named(tmp_path, text):
    with pytest.raises(ValueError, match=r"captions\.txt, line 3: a caption is 1\d{5} char"):
        read_captions(write(tmp_path / "captions.txt", text))
