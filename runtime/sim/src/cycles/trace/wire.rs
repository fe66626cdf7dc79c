//! Protocol buffers' wire format, as far as a trace needs it: fields appended to bytes.
//!
//! Libraries for it encode owned trees of messages; a trace is millions of packets of some twenty bytes with two levels,
//! and these few functions write one without building it.

/// Fields of a message: numbers and their encodings.
pub(super) trait Fields {
    /// A number of up to 64 bits, seven in a byte.
    fn varint(&mut self, field: u32, value: u64);

    /// A number in eight bytes.
    fn fixed64(&mut self, field: u32, value: u64);

    /// The beginning of text or of a message of so many bytes.
    fn head(&mut self, field: u32, len: u64);

    /// Text or a message.
    fn bytes(&mut self, field: u32, value: &[u8]);

    /// A message, from what `fill` appends to it. For messages that are written once.
    fn message(&mut self, field: u32, fill: impl FnOnce(&mut Vec<u8>));
}

impl Fields for Vec<u8> {
    #[inline]
    fn varint(&mut self, field: u32, value: u64) {
        push_varint(self, u64::from(field << 3));
        push_varint(self, value);
    }

    #[inline]
    fn fixed64(&mut self, field: u32, value: u64) {
        push_varint(self, u64::from(field << 3 | 1));
        self.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    fn head(&mut self, field: u32, len: u64) {
        push_varint(self, u64::from(field << 3 | 2));
        push_varint(self, len);
    }

    #[inline]
    fn bytes(&mut self, field: u32, value: &[u8]) {
        self.head(field, value.len() as u64);
        self.extend_from_slice(value);
    }

    fn message(&mut self, field: u32, fill: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = Vec::new();
        fill(&mut inner);
        self.bytes(field, &inner);
    }
}

#[inline]
fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Bytes of a number.
#[inline]
pub(super) fn varint_len(value: u64) -> u64 {
    u64::from((u64::BITS - (value | 1).leading_zeros()).div_ceil(7))
}
