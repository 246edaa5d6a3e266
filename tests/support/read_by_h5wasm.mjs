// node read_by_h5wasm.mjs MODULE FILE: prints as JSON the shape and first values of each dataset.
import { argv } from "node:process";

const h5wasm = await import(argv[2]);
await h5wasm.ready;
const file = new h5wasm.File(argv[3], "r");
const told = {};

function read(group, place) {
    for (const name of group.keys()) {
        const entity = group.get(name);
        if (entity.type === "Group")
            read(entity, place + name + "/");
        else
            told[place + name] = [entity.shape, Array.from(entity.value, String).slice(0, 3)];
    }
}

read(file, "");
told.checksum = file.attrs.checksum.value;
told.features = file.get("centers").attrs.features.value;
console.log(JSON.stringify(told));
