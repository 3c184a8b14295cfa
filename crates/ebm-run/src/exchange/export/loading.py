

def load(folder=None):
    """The model of config.json and weights.safetensors in a folder, by default that of this file."""
    import json
    import pathlib
    import struct

    folder = pathlib.Path(folder or pathlib.Path(__file__).parent)
    raw = (folder / 'weights.safetensors').read_bytes()
    length, = struct.unpack('<Q', raw[:8])
    header, data = json.loads(raw[8:8 + length]), bytearray(raw[8 + length:])
    header.pop('__metadata__', None)
    state = {}
    for name, place in header.items():
        first, after = place['data_offsets']
        state[name] = torch.frombuffer(data, dtype=torch.float32, count=(after - first) // 4, offset=first)
        state[name] = state[name].reshape(place['shape']).clone()
    model = Model(json.loads((folder / 'config.json').read_text()))
    model.load_state_dict(state)
    return model.eval()
