//! `parse(encode(x)) = x`: any tree of values in either form, and messages.

#[cfg(test)]
mod tests {
    use flowcodec::Text;
    use proptest::prelude::*;
    use vanflow::amqp::{Encoder, Form, Value};
    use vanflow::message::{Content, Message, records};
    use vanflow::record::{Attribute, RecordType, Scalar};

    #[derive(Debug, Clone, PartialEq)]
    enum Tree {
        Null,
        Bool(bool),
        Ubyte(u8),
        Ushort(u16),
        Uint(u32),
        Ulong(u64),
        Byte(i8),
        Short(i16),
        Int(i32),
        Long(i64),
        Double(u64),
        Char(u32),
        Timestamp(i64),
        Uuid([u8; 16]),
        Binary(Vec<u8>),
        String(Vec<u8>),
        Symbol(Vec<u8>),
        List(Vec<Self>),
        Map(Vec<(Self, Self)>),
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            Just(Tree::Null),
            any::<bool>().prop_map(Tree::Bool),
            any::<u8>().prop_map(Tree::Ubyte),
            any::<u16>().prop_map(Tree::Ushort),
            any::<u32>().prop_map(Tree::Uint),
            (0_u32..300).prop_map(Tree::Uint),
            any::<u64>().prop_map(Tree::Ulong),
            (0_u64..300).prop_map(Tree::Ulong),
            any::<i8>().prop_map(Tree::Byte),
            any::<i16>().prop_map(Tree::Short),
            (-200_i32..200).prop_map(Tree::Int),
            any::<i64>().prop_map(Tree::Long),
            (-200_i64..200).prop_map(Tree::Long),
            any::<u64>().prop_map(Tree::Double),
            any::<u32>().prop_map(Tree::Char),
            any::<i64>().prop_map(Tree::Timestamp),
            any::<[u8; 16]>().prop_map(Tree::Uuid),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(Tree::Binary),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(Tree::String),
            "[a-z:*-]{0,20}".prop_map(|text| Tree::Symbol(text.into_bytes())),
        ];
        leaf.prop_recursive(5, 200, 12, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..12).prop_map(Tree::List),
                proptest::collection::vec((inner.clone(), inner), 0..6).prop_map(Tree::Map),
            ]
        })
    }

    fn write(encoder: &mut Encoder, tree: &Tree) {
        let value = match tree {
            Tree::Null => Value::Null,
            Tree::Bool(truth) => Value::Bool(*truth),
            Tree::Ubyte(number) => Value::Ubyte(*number),
            Tree::Ushort(number) => Value::Ushort(*number),
            Tree::Uint(number) => Value::Uint(*number),
            Tree::Ulong(number) => Value::Ulong(*number),
            Tree::Byte(number) => Value::Byte(*number),
            Tree::Short(number) => Value::Short(*number),
            Tree::Int(number) => Value::Int(*number),
            Tree::Long(number) => Value::Long(*number),
            Tree::Double(bits) => Value::Double(f64::from_bits(*bits)),
            Tree::Char(point) => Value::Char(*point),
            Tree::Timestamp(millis) => Value::Timestamp(*millis),
            Tree::Uuid(octets) => Value::Uuid(octets),
            Tree::Binary(octets) => Value::Binary(octets),
            Tree::String(octets) => Value::String(Text::new(octets)),
            Tree::Symbol(octets) => Value::Symbol(Text::new(octets)),
            Tree::List(items) => return encoder.list(|encoder| items.iter().for_each(|item| write(encoder, item))),
            Tree::Map(pairs) => {
                return encoder.map(|encoder| {
                    for (key, value) in pairs {
                        write(encoder, key);
                        write(encoder, value);
                    }
                });
            }
        };
        encoder.put(&value);
    }

    fn read(value: Value<'_>) -> Tree {
        match value {
            Value::Null => Tree::Null,
            Value::Bool(truth) => Tree::Bool(truth),
            Value::Ubyte(number) => Tree::Ubyte(number),
            Value::Ushort(number) => Tree::Ushort(number),
            Value::Uint(number) => Tree::Uint(number),
            Value::Ulong(number) => Tree::Ulong(number),
            Value::Byte(number) => Tree::Byte(number),
            Value::Short(number) => Tree::Short(number),
            Value::Int(number) => Tree::Int(number),
            Value::Long(number) => Tree::Long(number),
            Value::Double(number) => Tree::Double(number.to_bits()),
            Value::Char(point) => Tree::Char(point),
            Value::Timestamp(millis) => Tree::Timestamp(millis),
            Value::Uuid(octets) => Tree::Uuid(*octets),
            Value::Binary(octets) => Tree::Binary(octets.to_vec()),
            Value::String(text) => Tree::String(text.as_bytes().to_vec()),
            Value::Symbol(text) => Tree::Symbol(text.as_bytes().to_vec()),
            Value::List(list) => Tree::List(list.items().map(|item| read(item.unwrap())).collect()),
            Value::Map(map) => {
                Tree::Map(map.pairs().map(|pair| pair.map(|(key, value)| (read(key), read(value))).unwrap()).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    fn scalars() -> impl Strategy<Value = (u32, Result<u64, String>)> {
        // Codes beyond the table take any value.
        (68_u32..400, prop_oneof![any::<u64>().prop_map(Ok), "\\PC{0,40}".prop_map(Err)])
    }

    proptest! {
        #[test]
        fn values(tree in trees(), at in 0_usize..3) {
            let forms = [Form::Shortest, Form::WideCompounds, Form::Widest];
            let form = forms[at];
            let mut encoder = Encoder::new(form);
            write(&mut encoder, &tree);
            let octets = encoder.finish();
            let value = Value::parse(&octets).unwrap();
            prop_assert_eq!(&read(value), &tree);
            // Written again from what was read, in the same form: the same octets. In the other form: the same values.
            let mut again = Encoder::new(form);
            again.put(&value);
            prop_assert_eq!(again.finish(), &octets[..]);
            let mut other = Encoder::new(forms[(at + 1) % 3]);
            other.put(&value);
            prop_assert_eq!(read(Value::parse(&other.finish()).unwrap()), tree);
        }

        #[test]
        fn record_messages(
            id in proptest::option::of(0..u64::MAX >> 1),
            list in proptest::collection::vec((any::<u32>(), "[a-zA-Z0-9+_/:]{1,64}", proptest::collection::vec(scalars(), 0..8)), 0..60),
        ) {
            let attributes: Vec<Vec<_>> = list
                .iter()
                .map(|(_, _, attributes)| {
                    let scalar = |value: &'_ Result<u64, String>| match value {
                        Ok(number) => (None, Some(*number)),
                        Err(text) => (Some(text.clone()), None),
                    };
                    attributes.iter().map(|(code, value)| (*code, scalar(value))).collect::<Vec<_>>()
                })
                .collect();
            let borrowed: Vec<Vec<(Attribute, Scalar<'_>)>> = attributes
                .iter()
                .map(|pairs| {
                    pairs
                        .iter()
                        .map(|(code, (text, number))| {
                            let scalar = number.map_or_else(|| Scalar::Text(text.as_deref().unwrap().into()), Scalar::Number);
                            (Attribute::new(*code), scalar)
                        })
                        .collect()
                })
                .collect();
            let specs: Vec<_> =
                list.iter().zip(&borrowed).map(|((code, name, _), pairs)| (RecordType::new(*code), &**name, &**pairs)).collect();
            let octets = records(id, "mc/sfe.a:0", &specs);
            let message = Message::parse(&octets).unwrap();
            prop_assert_eq!(message.id, id);
            let Content::Record(updates) = message.content else { panic!() };
            let mut read = 0;
            for (update, (record_type, name, pairs)) in updates.zip(&specs) {
                let update = update.unwrap();
                prop_assert_eq!((update.record_type(), update.identity()), (*record_type, (*name).into()));
                prop_assert_eq!(update.attributes().collect::<Vec<_>>(), pairs.to_vec());
                read += 1;
            }
            prop_assert_eq!(read, list.len());
        }
    }
}
