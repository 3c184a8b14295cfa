//! The networks of Song and Ermon.

use super::{Change, ForeignTable};

/// The names of ermongroup/ncsn and ermongroup/ncsnv2, whose networks are [`Ncsn`](crate::Ncsn) and
/// [`NcsnV2`](crate::NcsnV2) here.
///
/// γ, α and β of a conditional normalisation are the columns of one table, those of the other three vectors.
pub const NCSN: ForeignTable = ForeignTable {
    places: &[
        ("begin_conv.", "network.begin."),
        ("normalizer.", "network.norm."),
        ("end_conv.", "network.end."),
        ("res#.@.normalize1.", "network.stages.@.@.first_norm."),
        ("res#.@.conv1.", "network.stages.@.@.first."),
        ("res#.@.normalize2.", "network.stages.@.@.second_norm."),
        ("res#.@.conv2.conv.", "network.stages.@.@.second."),
        ("res#.@.conv2.", "network.stages.@.@.second."),
        ("res#.@.shortcut.conv.", "network.stages.@.@.shortcut."),
        ("res#.@.shortcut.", "network.stages.@.@.shortcut."),
        ("refine#.adapt_convs.@.#_#_norm.", "network.refinements.@.adapt.@.@.@.norm."),
        ("refine#.adapt_convs.@.#_#_conv.", "network.refinements.@.adapt.@.@.@.convolution."),
        ("refine#.msf.norms.@.", "network.refinements.@.merge.@.norm."),
        ("refine#.msf.convs.@.", "network.refinements.@.merge.@.convolution."),
        ("refine#.crp.norms.@.", "network.refinements.@.chain.@.norm."),
        ("refine#.crp.convs.@.", "network.refinements.@.chain.@.convolution."),
        ("refine#.output_convs.#_#_norm.", "network.refinements.@.out.@.@.norm."),
        ("refine#.output_convs.#_#_conv.", "network.refinements.@.out.@.@.convolution."),
    ],
    tensors: &[
        ("weight", Change::Renamed("weight")),
        ("bias", Change::Renamed("bias")),
        ("embed.weight", Change::Columns(&["gain", "lift", "bias"])),
        ("gamma", Change::Row("gain")),
        ("alpha", Change::Row("lift")),
        ("beta", Change::Row("bias")),
    ],
    ignored: &["sigmas"],
};
