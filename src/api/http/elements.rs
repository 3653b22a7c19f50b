//! The elements of one list in a body of JSON that is read piece by piece: `{"actions": [{…}, {…}, …]}`.
//!
//! - Only the borders of elements are found here, by counting brackets outside of strings. Whether an element
//!   is JSON is for its reader.
//! - Everything but the elements is kept, with a `0` in place of each. So the reader of what is kept finds
//!   every other fault of the body: a missing comma, a missing end, and unknown or repeated fields.
//! - An element and what is kept have limits, so a body of any length takes little memory.

/// Most bytes of what is kept besides the elements.
const REST_BYTES: usize = 1024 * 1024;
/// Most bytes of an element.
const ELEMENT_BYTES: usize = 256 * 1024;

/// Finds the elements of the list under one name of the outermost object.
pub struct Elements {
    name: &'static str,
    /// What is not in an element.
    rest: Vec<u8>,
    /// The element that is not complete yet.
    element: Vec<u8>,
    place: Place,
    /// Open brackets: of the body outside of the list, and of the element in it.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// Where the last string outside of the list begins in `rest`.
    string_at: usize,
    /// Whether the value of the wanted name comes next.
    is_next: bool,
    /// Whether the list was found. Another one is a fault, and not looked into.
    is_found: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Between,
    Within,
}

/// A body that is not looked at any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLong {
    /// The present element is too long.
    Element,
    /// What is beside the elements is too long.
    Rest,
}

impl Elements {
    /// Before the first byte.
    pub fn of(name: &'static str) -> Self {
        Self {
            name,
            rest: Vec::new(),
            element: Vec::new(),
            place: Place::Outside,
            depth: 0,
            in_string: false,
            is_escaped: false,
            string_at: 0,
            is_next: false,
            is_found: false,
        }
    }

    /// Takes the next bytes, and adds the elements that are whole now.
    pub fn push(&mut self, bytes: &[u8], elements: &mut Vec<Vec<u8>>) -> Result<(), TooLong> {
        for byte in bytes {
            match self.place {
                Place::Outside => self.outside(*byte),
                Place::Between => self.between(*byte),
                Place::Within => {
                    if self.within(*byte, elements) {
                        self.between(*byte);
                    }
                }
            }
            if self.rest.len() > REST_BYTES {
                return Err(TooLong::Rest);
            }
            if self.element.len() > ELEMENT_BYTES {
                return Err(TooLong::Element);
            }
        }
        Ok(())
    }

    /// The body after its last byte, with a `0` in place of each element.
    pub fn rest(self) -> Vec<u8> {
        self.rest
    }

    fn outside(&mut self, byte: u8) {
        self.rest.push(byte);
        if self.in_string {
            self.end_string(byte);
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.string_at = self.rest.len() - 1;
            }
            b':' if self.depth == 1 => {
                let string = self.rest.get(self.string_at..self.rest.len() - 1).unwrap_or_default();
                self.is_next = serde_json::from_slice(string).is_ok_and(|name: String| name == self.name);
            }
            b',' if self.depth == 1 => self.is_next = false,
            b'[' if self.depth == 1 && self.is_next && !self.is_found => {
                self.is_found = true;
                self.place = Place::Between;
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b',' => self.rest.push(byte),
            b']' => {
                self.rest.push(byte);
                self.place = Place::Outside;
                self.depth = 1;
            }
            _ => {
                self.rest.push(b'0');
                self.place = Place::Within;
                self.depth = 0;
                // A first byte ends no element.
                self.begin(byte);
            }
        }
    }

    fn begin(&mut self, byte: u8) {
        self.element.push(byte);
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = 1,
            _ => {}
        }
    }

    /// Takes a byte within an element. Returns whether the byte is the first one after it.
    fn within(&mut self, byte: u8, elements: &mut Vec<Vec<u8>>) -> bool {
        if !self.in_string
            && self.depth == 0
            && matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n')
        {
            self.end(elements);
            return true;
        }
        self.element.push(byte);
        if self.in_string {
            self.end_string(byte);
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => return false,
            }
        }
        if !self.in_string && self.depth == 0 {
            self.end(elements);
        }
        false
    }

    fn end(&mut self, elements: &mut Vec<Vec<u8>>) {
        elements.push(std::mem::take(&mut self.element));
        self.place = Place::Between;
    }

    /// Takes a byte of a string.
    fn end_string(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The elements, and the rest, of a body that comes in pieces of this many bytes.
    fn split(text: &str, piece: usize) -> (Vec<String>, String) {
        let (mut elements, mut found) = (Elements::of("actions"), Vec::new());
        for piece in text.as_bytes().chunks(piece) {
            elements.push(piece, &mut found).unwrap();
        }
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (found.into_iter().map(text).collect(), text(elements.rest()))
    }

    #[test]
    fn elements_are_found_and_everything_else_is_kept() {
        for (text, elements, rest) in [
            (
                r#"{"actions": [{"a": 1}, {"b": ["]}", "\"\\"]}]}"#,
                vec![r#"{"a": 1}"#, r#"{"b": ["]}", "\"\\"]}"#],
                r#"{"actions": [0,0]}"#,
            ),
            (r#"{"actions":[]}"#, vec![], r#"{"actions":[]}"#),
            (
                r#"{"a\u0063tions":["x" ,5,null ]}"#,
                vec![r#""x""#, "5", "null"],
                r#"{"a\u0063tions":[0,0,0]}"#,
            ),
            (
                r#"{"x": {"actions": [1]}, "actions": [2]}"#,
                vec!["2"],
                r#"{"x": {"actions": [1]}, "actions": [0]}"#,
            ),
            (r#"{"actions": [1], "actions": [2]}"#, vec!["1"], r#"{"actions": [0], "actions": [2]}"#),
            (r#"{"x": "actions", "y": [1]}"#, vec![], r#"{"x": "actions", "y": [1]}"#),
            (r#"{"actions": {"a": [1]}}"#, vec![], r#"{"actions": {"a": [1]}}"#),
            // What is not JSON stays so.
            (r#"{"actions": [{} {}]}"#, vec!["{}", "{}"], r#"{"actions": [00]}"#),
            (r#"{"actions": [{},]}"#, vec!["{}"], r#"{"actions": [0,]}"#),
            (r#"{"actions": [{}"#, vec!["{}"], r#"{"actions": [0"#),
            (r#"{"actions": [}]}"#, vec!["}"], r#"{"actions": [0]}"#),
            (r#"{"actions": [1]} x"#, vec!["1"], r#"{"actions": [0]} x"#),
        ] {
            for piece in [1, 3, 1_000] {
                let (found, kept) = split(text, piece);
                assert_eq!(
                    (found, kept.as_str()),
                    (elements.iter().map(|text| (*text).to_owned()).collect(), rest),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_held_without_a_limit() {
        let push = |before: &str, byte: u8, times: usize| {
            let (mut elements, mut found) = (Elements::of("actions"), Vec::new());
            elements.push(before.as_bytes(), &mut found).unwrap();
            elements.push(&vec![byte; times], &mut found)
        };
        assert_eq!(push(r#"{"actions": [""#, b'x', ELEMENT_BYTES), Err(TooLong::Element));
        assert_eq!(push(r#"{"x": ""#, b'x', REST_BYTES), Err(TooLong::Rest));
        assert_eq!(push(r#"{"actions": ["#, b',', REST_BYTES), Err(TooLong::Rest));
        assert_eq!(push(r#"{"actions": ["#, b' ', 2 * REST_BYTES), Ok(()));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_list_comes_back_from_its_elements(
            list in proptest::collection::vec(value(), 0..6), piece in 1_usize..20, is_pretty: bool,
        ) {
            let body = json!({ "before": {"actions": 1}, "actions": list.clone(), "last": [2] });
            let text = if is_pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) };
            let (found, kept) = split(&text.unwrap(), piece);
            let found: Vec<Value> = found.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            let kept: Value = serde_json::from_str(&kept).unwrap();
            prop_assert_eq!(&kept["actions"], &Value::from(vec![0; list.len()]));
            prop_assert_eq!(found, list);
        }
    }
}
