//! Filters as people write them, and what they probably meant.

use super::{parse, to_json};

#[test]
fn every_operator_is_carried_over() {
    let text = r#"[{"key": "ref", "in": ["a", "b"]}, {"or": [{"key": "tier", "eq": "gold"},
        {"and": [{"key": "role", "exists": false}, {"key": "dob", "gte": "2000-01-01", "lt": "2001-01-01"}]},
        {"key": "email", "regex": {"pattern": "^m", "case_insensitive": true}}, {"key": "ref", "prefix": "x"},
        {"key": "a", "nin": [1]}, {"key": "b", "ne": true, "gt": 1, "lte": 2}]}]"#;
    let filters = parse(text).unwrap();
    assert_eq!(filters.len(), 2);
    assert_eq!(filters[0].r#in.as_ref().unwrap().values.len(), 2);
    assert_eq!(filters[1].or.len(), 6);
    assert_eq!(filters[1].or[1].and[0].exists, Some(false));
    assert!(filters[1].or[2].regex.as_ref().unwrap().case_insensitive);
}

#[test]
fn a_filter_is_written_as_it_is_read() {
    let text = r#"[{"key": "ref", "in": ["a", "b"]}, {"or": [{"key": "tier", "eq": "gold"},
        {"and": [{"key": "role", "exists": false}, {"key": "dob", "gte": "2000-01-01"}]},
        {"key": "email", "regex": {"pattern": "^m", "case_insensitive": true}}, {"key": "ref", "prefix": "x"},
        {"key": "a", "nin": [1]}, {"key": "b", "ne": true}, {"key": "b", "gt": 1}, {"key": "b", "lt": 1},
        {"key": "b", "lte": 1}, {"key": "email", "regex": {"pattern": "a"}}]}]"#;
    let written: Vec<_> = parse(text).unwrap().iter().map(to_json).collect();
    assert_eq!(serde_json::Value::from(written), serde_json::from_str::<serde_json::Value>(text).unwrap());
}

#[test]
fn conditions_are_read_as_people_write_them() {
    let one = |text: &str| parse(text).unwrap().remove(0);
    let json = |text: &str| parse(text).unwrap().remove(0);
    for (condition, filter) in [
        ("tier=Gold", r#"{"key": "tier", "eq": "Gold"}"#),
        (" tier != Gold & more ", r#"{"key": "tier", "ne": "Gold & more"}"#),
        ("worker_id=007", r#"{"key": "worker_id", "eq": "007"}"#),
        ("worker_id=7", r#"{"key": "worker_id", "eq": "7"}"#),
        ("dob>=2000-01-01", r#"{"key": "dob", "gte": "2000-01-01"}"#),
        ("dob<2001-01-01", r#"{"key": "dob", "lt": "2001-01-01"}"#),
        ("company^=Acme=", r#"{"key": "company", "prefix": "Acme="}"#),
        ("company=Smith and Sons", r#"{"key": "company", "eq": "Smith and Sons"}"#),
        (r#"company="a and b=c""#, r#"{"key": "company", "eq": "a and b=c"}"#),
        (r#"company="a,tier=c""#, r#"{"key": "company", "eq": "a,tier=c"}"#),
        (r#"tier="'Gold'""#, r#"{"key": "tier", "eq": "'Gold'"}"#),
        (r#"tier="a|b""#, r#"{"key": "tier", "eq": "a|b"}"#),
        (r#"tier="~a""#, r#"{"key": "tier", "eq": "~a"}"#),
        ("last_name=O'Neill", r#"{"key": "last_name", "eq": "O'Neill"}"#),
        (r#"company="Acme, Inc.""#, r#"{"key": "company", "eq": "Acme, Inc."}"#),
        (r#"company!="Acme; Sons""#, r#"{"key": "company", "ne": "Acme; Sons"}"#),
        (r#"company^="Acme,""#, r#"{"key": "company", "prefix": "Acme,"}"#),
        (r#"tier="[Gold]""#, r#"{"key": "tier", "eq": "[Gold]"}"#),
        (r#"tier="A*""#, r#"{"key": "tier", "eq": "A*"}"#),
        (r#"last_name="null""#, r#"{"key": "last_name", "eq": "null"}"#),
        ("last_name=Null", r#"{"key": "last_name", "eq": "Null"}"#),
        ("attributes.grade=A*", r#"{"key": "attributes.grade", "eq": "A*"}"#),
        ("company=Smith & Sons = more", r#"{"key": "company", "eq": "Smith & Sons = more"}"#),
        ("enable_payroll=true", r#"{"key": "enable_payroll", "eq": true}"#),
        ("attributes.age>41.5", r#"{"key": "attributes.age", "gt": 41.5}"#),
        ("attributes.on=false", r#"{"key": "attributes.on", "eq": false}"#),
        (r#"attributes.code="7""#, r#"{"key": "attributes.code", "eq": "7"}"#),
        ("attributes.team=Ops", r#"{"key": "attributes.team", "eq": "Ops"}"#),
    ] {
        assert_eq!(one(condition), json(filter), "{condition}");
    }
}

#[test]
fn a_text_that_is_not_a_filter_is_refused_by_name() {
    for (text, named) in [
        (r#"{"key": "ref", "equals": "a"}"#, "equals"),
        (r#"{"key": "ref", "in": "a"}"#, "in"),
        (r#"{"key": "ref", "regex": {"patern": "a"}}"#, "patern"),
        ("3", "tier=Gold"),
        ("[", "not JSON"),
        ("[", "tier=Gold"),
        ("tier:Gold", "tier=Gold"),
        ("tier", "tier=Gold"),
        ("tier=", "no value"),
        ("=Gold", "no field"),
        ("tier==Gold", "two equals signs"),
        ("tier == Gold", "two equals signs"),
        ("tier=Gold and status=active", "two conditions joined by `and`"),
        ("tier=Gold AND status = active", "two conditions joined by `AND`"),
        ("tier=Gold or tier=Silver", "two conditions joined by `or`"),
        ("tier=Gold,status=active", "two conditions joined by `,`"),
        ("tier=Gold, Status != active", "two conditions joined by `,`"),
        ("tier=Gold;attributes.age>4", "two conditions joined by `;`"),
        ("tier=Gold&status=active", "two conditions joined by `&`"),
        ("tier=Gold|tier=Silver", "two conditions joined by `|`"),
        ("tier=Gold|Silver", r#"{"in":["Gold","Silver"],"key":"tier"}"#),
        (
            "tier=Gold, Silver",
            r#"to match one of several values, write {"in":["Gold","Silver"],"key":"tier"}"#,
        ),
        (
            "tier=Gold,Silver",
            r#"to match one of several values, write {"in":["Gold","Silver"],"key":"tier"}"#,
        ),
        ("tier=Gold;Silver", r#"{"in":["Gold","Silver"],"key":"tier"}"#),
        ("tier=[Gold, Silver]", r#"{"in":["Gold","Silver"],"key":"tier"}"#),
        ("tier=(Gold,Silver)", r#"{"in":["Gold","Silver"],"key":"tier"}"#),
        (r#"tier=["Gold","Silver"]"#, r#"{"in":["Gold","Silver"],"key":"tier"}"#),
        (r#"tier="Gold","Silver""#, r#"{"in":["Gold","Silver"],"key":"tier"}"#),
        ("tier=[Gold]", r#"{"in":["Gold"],"key":"tier"}"#),
        ("tier=Gold,", r#"{"in":["Gold"],"key":"tier"}"#),
        (
            "tier!=Gold,Silver",
            r#"to match none of several values, write {"key":"tier","nin":["Gold","Silver"]}"#,
        ),
        ("company^=A,B", r#"{"or":[{"key":"company","prefix":"A"},{"key":"company","prefix":"B"}]}"#),
        ("attributes.age=41,5", r#"{"in":[41,5],"key":"attributes.age"}"#),
        ("attributes.age>41,5", "numbers have a decimal point"),
        ("company=Acme, Inc.", r#"use double quotes: --filter 'company="Acme, Inc."'"#),
        ("company=O'Neill, Ltd", r#"use double quotes: --filter company="O'Neill, Ltd""#),
        ("tier in Gold", r#"{"in":["Gold"],"key":"tier"}"#),
        ("tier IN (Gold, Silver)", r#"{"in":["Gold","Silver"],"key":"tier"}"#),
        ("tier in['Gold','Silver']", r#"{"in":["Gold","Silver"],"key":"tier"}"#),
        ("attributes.age in 1,2", r#"{"in":[1,2],"key":"attributes.age"}"#),
        ("tier not in Gold|Silver", r#"{"key":"tier","nin":["Gold","Silver"]}"#),
        ("tier nin (Gold)", r#"{"key":"tier","nin":["Gold"]}"#),
        ("phone is null", r#"to find members without a value, write {"exists":false,"key":"phone"}"#),
        ("phone is not null", r#"to find members with a value, write {"exists":true,"key":"phone"}"#),
        ("phone exists", r#"to find members with a value, write {"exists":true,"key":"phone"}"#),
        ("phone not exists", r#"to find members without a value, write {"exists":false,"key":"phone"}"#),
        ("phone=", r#"to find members without a value, write {"exists":false,"key":"phone"}"#),
        ("phone!=", r#"to find members with a value, write {"exists":true,"key":"phone"}"#),
        ("phone=null", r#"to find members without a value, write {"exists":false,"key":"phone"}"#),
        ("phone!=null", r#"to find members with a value, write {"exists":true,"key":"phone"}"#),
        ("phone=*", r#"to find members with a value, write {"exists":true,"key":"phone"}"#),
        ("tier=Go*", "regular expressions"),
        ("email=*@acme.example", "regular expressions"),
        (r#"tier="Gold"#, "not a quoted JSON string"),
        ("tier instead", "is not a condition;"),
        ("tier='Gold'", "single quotes"),
        ("tier=~Go", r#""regex":{"pattern":"…"}"#),
        ("tier=~ Go", "regular expressions"),
        ("tier~Go", "regular expressions"),
        ("tier !~ Go", "regular expressions"),
        ("tier<>Gold", "`<>`, which is not an operator"),
        ("tier => Gold", "`=>`, which is not an operator"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
}
