//! Components with names without number, written byte by byte: to read their text would take minutes.
//! The format is that of the component model's `Binary.md`.

/// `\0asm`, version 13, layer 1.
const COMPONENT: &[u8] = &[0, b'a', b's', b'm', 13, 0, 1, 0];
/// `\0asm`, version 1.
const MODULE: &[u8] = &[0, b'a', b's', b'm', 1, 0, 0, 0];
/// The type of a function that takes nothing and gives nothing.
const FUNCTION: &[u8] = &[0x40, 0, 1, 0];

/// A component that imports so many functions.
pub fn imports(count: u32) -> Vec<u8> {
    let types = list(1, |_| FUNCTION.to_vec());
    let imports = list(count, |number| [&[0], name(number).as_slice(), &[1, 0]].concat());
    [COMPONENT, &section(7, &types), &section(10, &imports)].concat()
}

/// A component with a module that exports so many functions.
pub fn exports(count: u32) -> Vec<u8> {
    let exports = list(count, |number| [name(number).as_slice(), &[0, 0]].concat());
    let module = [
        MODULE,
        &section(1, &[1, 0x60, 0, 0]),
        &section(3, &[1, 0]),
        &section(7, &exports),
        &section(10, &[1, 2, 0, 0x0b]),
    ];
    [COMPONENT, &section(1, &module.concat())].concat()
}

/// A component that imports an instance of so many functions.
pub fn inner(count: u32) -> Vec<u8> {
    let declared = list(count + 1, |number| match number {
        0 => [&[1], FUNCTION].concat(),
        number => [&[4, 0], name(number).as_slice(), &[1, 0]].concat(),
    });
    let types = [&[1, 0x42], declared.as_slice()].concat();
    let imports = [&[1, 0], name(0).as_slice(), &[5, 0]].concat();
    [COMPONENT, &section(7, &types), &section(10, &imports)].concat()
}

/// The name of a number. In a component a 0 stands before it, which says that it is a plain one.
fn name(number: u32) -> Vec<u8> {
    let name = format!("a{number}");
    [leb(u32::try_from(name.len()).expect("a short name")).as_slice(), name.as_bytes()].concat()
}

fn list(count: u32, element: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = leb(count);
    bytes.extend((0..count).flat_map(element));
    bytes
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], leb(u32::try_from(content.len()).expect("a small section")).as_slice(), content].concat()
}

/// A number in the variable length of WebAssembly, LEB128.
fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
