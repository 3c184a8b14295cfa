//! Philox4x32-10 on a device; the same integers as [`crate::philox4x32`].

use burn_cubecl::cubecl::{self, prelude::*};

use crate::philox::{MULTIPLIERS, ROUNDS, WEYL};

/// Four values, one for each word of a block.
pub(super) type Four<T> = Vector<T, Const<4>>;

/// The four words for the counter `c0`, … `c3` and the key `k0`, `k1`.
#[cube]
pub(super) fn block(c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32) -> Four<u32> {
    let mut words = Four::<u32>::empty();
    words.insert(0usize, c0);
    words.insert(1usize, c1);
    words.insert(2usize, c2);
    words.insert(3usize, c3);
    #[unroll]
    for round in 0..ROUNDS {
        let key_0 = k0 + comptime!(WEYL[0].wrapping_mul(round as u32));
        let key_1 = k1 + comptime!(WEYL[1].wrapping_mul(round as u32));
        let (low_0, high_0) = product(words.extract(0usize), comptime!(MULTIPLIERS[0]));
        let (low_1, high_1) = product(words.extract(2usize), comptime!(MULTIPLIERS[1]));
        let even_0 = high_1 ^ words.extract(1usize) ^ key_0;
        let even_1 = high_0 ^ words.extract(3usize) ^ key_1;
        words.insert(0usize, even_0);
        words.insert(1usize, low_1);
        words.insert(2usize, even_1);
        words.insert(3usize, low_0);
    }
    words
}

/// The low and the high half of a product.
#[cube]
fn product(a: u32, #[comptime] b: u32) -> (u32, u32) {
    let b = b.runtime();
    (a * b, a.mul_hi(b))
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use super::super::testing::{device, fetched, sent};
    use super::*;
    use crate::philox4x32;

    #[cube(launch)]
    fn kernel(inputs: &[u32], out: &mut [Vector<u32, Const<4>>]) {
        let i = ABSOLUTE_POS;
        if i < out.len() {
            out[i] = block(
                inputs[6 * i],
                inputs[6 * i + 1],
                inputs[6 * i + 2],
                inputs[6 * i + 3],
                inputs[6 * i + 4],
                inputs[6 * i + 5],
            );
        }
    }

    #[test]
    fn words_equal_the_published_test_vectors_and_those_of_the_host() {
        let Some(device) = device() else { return };
        let mut inputs = vec![
            [0; 6],
            [!0; 6],
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344, 0xa409_3822, 0x299f_31d0],
        ];
        let mut expected = vec![
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ];
        for i in 0..1021 {
            let ([a, b, c, d], [e, f, ..]) =
                (philox4x32([i, 0, 0, 0], [29, 31]), philox4x32([i, 1, 0, 0], [29, 31]));
            inputs.push([a, b, c, d, e, f]);
            expected.push(philox4x32([a, b, c, d], [e, f]));
        }
        let inputs = sent(&inputs.concat(), &device);
        let out = sent(&vec![0; 4 * expected.len()], &device);
        let client = out.client.clone();
        let (count, dim) = (CubeCount::Static(4, 1, 1), CubeDim::new_1d(256));
        kernel::launch(&client, count, dim, inputs.into_buffer_arg(), out.clone().into_buffer_arg());
        assert_eq!(fetched(out), expected.concat());
    }
}
