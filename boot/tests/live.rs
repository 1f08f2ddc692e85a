//! Flattening a live tree, and reading the result. The live tree is played from a blob that
//! QEMU dumped (`-M pseries,dumpdtb=...`), so what comes out can be compared with what
//! another program, not ours, had made of the same tree.

use core::ffi::CStr;
use fdt::Fdt;
use k42_boot::of::flatten::{FlattenError, NAME, TreeSource, flatten};

/// A node of the played tree.
struct Node {
    path: String,
    properties: Vec<(String, Vec<u8>)>,
    child: Option<usize>,
    peer: Option<usize>,
}

/// Nodes in document order; the root is number 0.
struct Played(Vec<Node>);

impl Played {
    fn new(blob: &[u8]) -> Self {
        let mut nodes = Vec::new();
        let tree = Fdt::new(blob).unwrap();
        Self::add(tree.find_node("/").unwrap(), "", &mut nodes);
        nodes[0].path = "/".into();
        Self(nodes)
    }

    fn add(node: fdt::node::FdtNode, parent: &str, nodes: &mut Vec<Node>) -> usize {
        let number = nodes.len();
        let path = format!(
            "{parent}{}{}",
            if number == 0 { "" } else { "/" },
            node.name
        );
        let path = if number == 0 { String::new() } else { path };
        let properties = node
            .properties()
            .map(|p| (p.name.into(), p.value.into()))
            .collect();
        nodes.push(Node {
            path: path.clone(),
            properties,
            child: None,
            peer: None,
        });
        let mut last: Option<usize> = None;
        for child in node.children() {
            let child = Self::add(child, &path, nodes);
            match last {
                None => nodes[number].child = Some(child),
                Some(before) => nodes[before].peer = Some(child),
            }
            last = Some(child);
        }
        number
    }
}

impl TreeSource for Played {
    type Node = usize;

    fn root(&self) -> Option<usize> {
        Some(0)
    }

    fn child(&self, node: usize) -> Option<usize> {
        self.0[node].child
    }

    fn peer(&self, node: usize) -> Option<usize> {
        self.0[node].peer
    }

    fn handle(&self, node: usize) -> u32 {
        0x1000 + node as u32
    }

    fn path(&self, node: usize, buffer: &mut [u8]) -> Option<usize> {
        let path = self.0[node].path.as_bytes();
        buffer[..path.len()].copy_from_slice(path);
        Some(path.len())
    }

    fn next_property(&self, node: usize, last: &CStr, buffer: &mut [u8; NAME]) -> bool {
        let properties = &self.0[node].properties;
        let next = match last.to_str().unwrap() {
            "" => 0,
            last => {
                1 + properties
                    .iter()
                    .position(|(name, _)| name == last)
                    .unwrap()
            }
        };
        let Some((name, _)) = properties.get(next) else {
            return false;
        };
        buffer[..name.len()].copy_from_slice(name.as_bytes());
        buffer[name.len()] = 0;
        true
    }

    fn property(&self, node: usize, name: &CStr, buffer: &mut [u8]) -> Option<usize> {
        let name = name.to_str().unwrap();
        let (_, value) = self.0[node]
            .properties
            .iter()
            .find(|(known, _)| known == name)?;
        let fits = value.len().min(buffer.len());
        buffer[..fits].copy_from_slice(&value[..fits]);
        Some(value.len())
    }
}

const PSERIES: &[u8] = include_bytes!("trees/pseries.dtb");
const POWERNV: &[u8] = include_bytes!("trees/powernv9.dtb");

#[test]
fn flattening_keeps_everything() {
    for blob in [PSERIES, POWERNV] {
        let source = Played::new(blob);
        let mut buffer = vec![0xaa; 1 << 20];
        let length = flatten(&source, 3, &mut buffer).unwrap();
        assert_eq!(buffer[28..32], [0, 0, 0, 3]);
        let copy = Played::new(&buffer[..length]);
        assert_eq!(copy.0.len(), source.0.len());
        for (ours, theirs) in copy.0.iter().zip(&source.0) {
            assert_eq!(ours.path, theirs.path);
            assert_eq!((ours.child, ours.peer), (theirs.child, theirs.peer));
            let phandle = |(name, _): &&(String, Vec<u8>)| name != "phandle";
            let name = |(name, _): &&(String, Vec<u8>)| name != "name";
            assert!(
                ours.properties.iter().filter(phandle).eq(theirs
                    .properties
                    .iter()
                    .filter(phandle)
                    .filter(name)),
                "{}",
                ours.path
            );
            assert!(ours.properties.iter().any(|(name, _)| name == "phandle"));
        }
    }
}

#[test]
fn small_buffers_are_refused() {
    let source = Played::new(PSERIES);
    for size in [0, 55, 56, 100, 1000, 4000, 10_000] {
        assert_eq!(
            flatten(&source, 0, &mut vec![0; size]),
            Err(FlattenError::Full),
            "{size}"
        );
    }
}
