"""Small files as the programs and surveys write them that people have catalogues from.

Each function writes files into the working folder and returns what a fit of the case that names it
(test_sources_program.py) has to see: the values, a row each, NaN where one is missing, in the type
that the fit works with; or these and the ids.
"""
import os
import subprocess
import warnings

import h5py
import numpy as np
import pandas
import tables
from astropy import units
from astropy.table import MaskedColumn, QTable, Table

from discovery import write
from program import blobs, write_array

warnings.simplefilter("ignore", tables.NaturalNameWarning)

N = 240
VALUES = blobs(N, 4)
A, B, C, D = VALUES.T
SINGLE = VALUES.astype("f4")
ROWS = np.arange(N)
IDS = 4_000_000_000_000_000_000 + ROWS
GAPS = ROWS % 11 == 4
PARTS = (0, 60, 60, 150, N)  # begins and ends of the rows of several files


def gappy(values, gaps=GAPS):
    """With NaN in some rows."""
    return np.where(gaps, np.nan, values).astype(values.dtype if values.dtype.kind == "f" else "f8")


def side_by_side(*columns):
    return np.column_stack(columns)


# ---- h5py, NumPy ---------------------------------------------------------------------------------


def array():
    write_array("points.h5", VALUES)
    return VALUES[:, [0, 1, 3]]


def columns():
    write("stars.h5", {"stars/source_id": IDS, "stars/bp_rp": A, "stars/abs_mag": gappy(B),
                       "stars/name": np.array([b"HIP %d" % i for i in ROWS])})
    return side_by_side(A, gappy(B)), IDS


def compound():
    rows = np.zeros(N, [("id", "i8"), ("flag", "?"), ("mag", "f4", (5,)), ("name", "S8"),
                        ("z", "f4")])
    rows["id"], rows["mag"][:, 1], rows["z"] = IDS, A, B
    write_array("stars.h5", rows, "catalogue/stars", chunks=(50,), compression="gzip")
    return SINGLE[:, :2]


def two_files():
    write("photometry.h5", {"phot/g": A, "phot/r": B, "phot/object_id": IDS})
    write("redshifts.h5", {"pz/z_mode": C, "pz/z_err": D, "other/x": A[:7]})
    return VALUES[:, :3]


def pieces():
    """Files for the tables of the document that tell how to say one thing; rows, values, ids."""
    for i, (begin, end) in enumerate(zip(PARTS, PARTS[1:])):
        write(f"part-{i}.h5", {"t/z": A[begin:end], "t/w": B[begin:end]})
        write("coadds.h5", {f"coadd_{i}/z": A[begin:end], f"coadd_{i}/w": B[begin:end]})
    with open("list.txt", "w", encoding="utf-8") as file:
        file.writelines(f"part-{i}.h5\n" for i in range(len(PARTS) - 1))
    write("in.h5", {"t/z": A, "t/mags/g": B, "ancil/object_id": IDS, "t/w": np.where(GAPS, -99, B),
                    "t/parallax": np.where(ROWS % 7 == 0, 0, C)})
    write("other.h5", {"t/mag": B})
    write("matrix.h5", {"points": VALUES.T})
    with h5py.File("fill.h5", "w") as file:
        file["z"] = A
        file.create_dataset("n", data=np.where(GAPS, -1, ROWS), fillvalue=-1, chunks=(50,))
        file["n"].attrs["missing_value"] = 7


# ---- simulations ---------------------------------------------------------------------------------


def gadget_part(path, n_all, begin, end):
    """One file of a snapshot; a type without particles has no group."""
    kinds = {"PartType0": (begin, end), "PartType1": (0, 9)}
    with h5py.File(path, "w") as file:
        header = file.create_group("Header").attrs
        header["NumPart_ThisFile"] = np.array([end - begin, 9, 0, 0, 0, 0], "i4")
        header["NumPart_Total"] = np.array([n_all, 9, 0, 0, 0, 0], "u4")
        header["MassTable"], header["BoxSize"] = np.zeros(6), 100.0
        for kind, (first, last) in kinds.items():
            if last > first:
                part = file.create_group(kind)
                part["Coordinates"] = SINGLE[first:last, :3]
                part["Velocities"] = SINGLE[first:last, 1:]
                part["ParticleIDs"] = ROWS[first:last].astype("u4")
        if end > begin:
            file["PartType0/Density"] = SINGLE[begin:end, 0]
            file["PartType0/InternalEnergy"] = SINGLE[begin:end, 3]


def gadget():
    gadget_part("snap_063.hdf5", N, 0, N)
    return SINGLE[:, [0, 3]]


def gadget_files():
    for i, (begin, end) in enumerate(zip(PARTS, PARTS[1:])):
        gadget_part(f"snap_063.{i}.hdf5", N, begin, end)
    return SINGLE[:, [0, 1, 2, 0]], ROWS.astype("u4")


SWIFT_UNITS = {"Densities": (1.0, -3.0), "Temperatures": (0.0, 0.0), "Coordinates": (0.0, 1.0),
               "ParticleIDs": (0.0, 0.0), "Masses": (1.0, 0.0)}


def swift_field(part, name, values):
    """As SWIFT stores one: chunked, shuffled, deflated, with a check sum and its units."""
    data = part.create_dataset(name, data=values, chunks=(64, *values.shape[1:]), shuffle=True,
                               compression=4, fletcher32=True, maxshape=(None, *values.shape[1:]))
    mass, length = SWIFT_UNITS[name]
    data.attrs["U_M exponent"], data.attrs["U_L exponent"] = [np.float32(mass)], [np.float32(length)]
    data.attrs["Expression for physical CGS units"] = np.bytes_("a^0 U_M U_L^-3  [ g cm^-3 ]")
    data.attrs["Conversion factor to CGS (not including cosmological corrections)"] = [6.8e-31]
    data.attrs["Description"] = np.bytes_("Co-moving mass densities of the particles")


def swift_part(path, begin, end):
    """One file of a snapshot: PartType0 and its other name, cells of the domain, units."""
    n = end - begin
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        file.create_group("Header").attrs["NumPart_ThisFile"] = np.array([n] + [0] * 6, "i8")
        file.create_group("Units").attrs["Unit mass in cgs (U_M)"] = [1.98841e43]
        cells = file.create_group("Cells")
        cells["Centres"] = np.random.default_rng(1).uniform(size=(8, 3))
        for name in "Counts", "Files", "OffsetsInFile":
            cells[f"{name}/PartType0"] = np.full(8, n // 8)
        part = file.create_group("PartType0")
        swift_field(part, "Coordinates", VALUES[begin:end, :3])
        swift_field(part, "Densities", SINGLE[begin:end, 0])
        swift_field(part, "Temperatures", SINGLE[begin:end, 1])
        swift_field(part, "ParticleIDs", IDS[begin:end].astype("u8"))
        file["GasParticles"] = h5py.SoftLink("/PartType0")


def swift():
    swift_part("snap_0023.hdf5", 0, N)
    return SINGLE[:, :2], IDS.astype("u8")


def swift_virtual():
    """A run with an output file a rank also writes one of virtual datasets."""
    halves = ((0, 96), (96, N))
    for i, (begin, end) in enumerate(halves):
        swift_part(f"snap_0023.{i}.hdf5", begin, end)
    with h5py.File("snap_0023.hdf5", "w", libver="v110") as file:
        for name in "Densities", "Temperatures", "ParticleIDs":
            kind = {"ParticleIDs": "u8"}.get(name, "f4")
            layout = h5py.VirtualLayout((N,), kind)
            for i, (begin, end) in enumerate(halves):
                layout[begin:end] = h5py.VirtualSource(f"snap_0023.{i}.hdf5", f"PartType0/{name}",
                                                       (end - begin,), kind)
            file.create_virtual_dataset(f"PartType0/{name}", layout)
        file["GasParticles"] = h5py.SoftLink("/PartType0")
        file["Cells/Centres"] = np.zeros((8, 3))
    return SINGLE[:, :2]


def tng_groups():
    """Halos and subhalos, more of one than of the other; a file may have none of them."""
    for i, (begin, end) in enumerate(zip(PARTS, PARTS[1:])):
        with h5py.File(f"fof_subhalo_tab_099.{i}.hdf5", "w") as file:
            file.create_group("Header").attrs["Nsubgroups_ThisFile"] = np.int32(end - begin)
            group = file.create_group("Group")
            group["GroupMass"], group["GroupPos"] = SINGLE[:20, 3], SINGLE[:20, :3]
            group["GroupFirstSub"] = np.full(20, -1, "i4")
            subhalo = file.create_group("Subhalo")
            if end > begin:
                magnitudes = np.zeros((end - begin, 8), "f4")
                magnitudes[:, 4] = SINGLE[begin:end, 2]
                subhalo["SubhaloMass"] = SINGLE[begin:end, 0]
                subhalo["SubhaloVelDisp"] = SINGLE[begin:end, 1]
                subhalo["SubhaloStellarPhotometrics"] = magnitudes
                subhalo["SubhaloLenType"] = np.ones((end - begin, 6), "i4")
                subhalo["SubhaloFlag"] = np.ones(end - begin, "u1")
    return SINGLE[:, :3]


def tng_snapshot():
    for i, (begin, end) in enumerate(((0, 100), (100, N))):
        with h5py.File(f"snap_099.{i}.hdf5", "w") as file:
            for name in "Config", "Header", "Parameters":
                file.create_group(name)
            file["PartType1/Coordinates"] = VALUES[:50, 1:]
            file["PartType4/Coordinates"] = VALUES[begin:end, :3]
            file["PartType4/GFM_Metallicity"] = SINGLE[begin:end, 3]
            file["PartType4/GFM_StellarPhotometrics"] = SINGLE[begin:end, [3] * 8]
            file["PartType4/ParticleIDs"] = IDS[begin:end].astype("u8")
    return side_by_side(VALUES[:, :3], SINGLE[:, 3])


def soap():
    """Properties of the same halos in groups of groups; those of too few particles are 0."""
    empty = ROWS % 13 == 5
    inside = np.where(empty, 0, SINGLE[:, 0])
    with h5py.File("halo_properties_0077.hdf5", "w") as file:
        for name in "Header", "Parameters", "Code", "Cosmology":
            file.create_group(name)
        file["Cells/Counts/Subhalos"], file["Cells/Centres"] = np.full(8, 30), np.zeros((8, 3))
        for name, values in (("BoundSubhalo/TotalMass", C), ("SO/200_crit/TotalMass", inside),
                             ("BoundSubhalo/MaximumCircularVelocity", SINGLE[:, 1]),
                             ("BoundSubhalo/CentreOfMass", VALUES[:, :3]),
                             ("SO/200_crit/Concentration", SINGLE[:, 2]),
                             ("SO/500_crit/TotalMass", SINGLE[:, 3]),
                             ("ExclusiveSphere/30kpc/StellarMass", SINGLE[:, 2]),
                             ("InputHalos/HBTplus/TrackId", IDS),
                             ("InputHalos/HaloCatalogueIndex", ROWS),
                             ("InputHalos/IsCentral", np.ones(N, "u1"))):
            data = file.create_dataset(name, data=values, compression=4, chunks=True)
            data.attrs["Masked"] = name.startswith("SO")
    return side_by_side(gappy(inside, empty), SINGLE[:, 1:3]), ROWS


def open_cosmo():
    """A header of groups with attributes, the columns, and an index by place in the sky or box."""
    no_profile = ROWS % 9 == 2
    with h5py.File("haloproperties.hdf5", "w") as file:
        header = file.create_group("header")
        for name in "file", "cosmology", "simulation/parameters", "hacc":
            header.create_group(name)
        header["file"].attrs["data_type"] = "halo_properties"
        for level in range(2):
            file[f"index/level_{level}/start"] = np.arange(8 ** level) * (N // 8 ** level)
            file[f"index/level_{level}/size"] = np.full(8 ** level, N // 8 ** level)
        for name, values, unit in (
                ("fof_halo_tag", IDS, None), ("fof_halo_mass", SINGLE[:, 0], "Msun / littleh"),
                ("fof_halo_center_x", SINGLE[:, 3], "Mpc / littleh"),
                ("sod_halo_cdelta", np.where(no_profile, np.float32(-101), SINGLE[:, 1]), None)):
            file[f"data/{name}"] = values
            if unit:
                file[f"data/{name}"].attrs["unit"] = unit
    return side_by_side(SINGLE[:, 0], gappy(SINGLE[:, 1], no_profile)), IDS


# ---- surveys -------------------------------------------------------------------------------------


def gaia_file(path, begin, end):
    """A dataset a field; what is missing has the fill value of its dataset."""
    transits = np.where(GAPS, -32768, 3 + ROWS % 90).astype("i2")
    with h5py.File(path, "w") as file:
        for name, values, fill in (
                ("source_id", IDS, -2 ** 63), ("bp_rp", gappy(SINGLE[:, 0], ROWS % 17 == 3), np.nan),
                ("parallax", gappy(A, ROWS % 7 == 1), np.nan), ("ra", B, np.nan),
                ("rv_nb_transits", transits, -32768)):
            file.create_dataset(name, data=values[begin:end], fillvalue=fill, chunks=(40,),
                                compression="gzip", shuffle=True)


def gaia():
    for i, (begin, end) in enumerate(((0, 70), (70, 150), (150, N))):
        gaia_file(f"GaiaSource_{i:06}-{i + 1:06}.hdf5", begin, end)
    transits = gappy((3 + ROWS % 90).astype("f4"))
    return side_by_side(gappy(SINGLE[:, 0], ROWS % 17 == 3), transits), IDS


def gaia_list():
    values = gaia()
    with open("gaia.txt", "w", encoding="utf-8") as file:
        file.write("# the north\n" + "\n".join(sorted(n for n in os.listdir() if "Gaia" in n)))
    return values


def desc_coadds(form):
    """pandas frames, one a patch of the sky, in a file a tract."""
    starts = {"coadd_4850_00": 0, "coadd_4850_01": 31, "coadd_4850_10": 90, "coadd_4850_77": 200}
    ends = [*list(starts.values())[1:], N]
    frame = pandas.DataFrame({"id": IDS, "g_mag": gappy(A), "r_mag": B, "detect_isPrimary": True,
                              "patch": "1,0"})
    for (name, begin), end in zip(starts.items(), ends):
        part = frame[begin:end].reset_index(drop=True)
        warnings.simplefilter("ignore", tables.PerformanceWarning)
        part.to_hdf("merged_tract_4850.hdf5", name, format=form)
    return side_by_side(gappy(A), B), IDS


def desc_fixed():
    return desc_coadds("fixed")


def desc_table():
    return desc_coadds("table")


def desc_steps():
    """cosmoDC2: a group a step in time, quantities in groups below; names with colons."""
    for name, begin, end in (("z_0_1.step_all.healpix_9816", 0, 150),
                             ("z_1_2.step_all.healpix_9816", 150, N)):
        with h5py.File(f"{name}.hdf5", "w") as file:
            file["metaData/versionMajor"] = 1
            for step, first, last in (("331", begin, begin + 40), ("338", begin + 40, end)):
                group = file.create_group(step)
                group["redshift"], group["galaxy_id"] = A[first:last], IDS[first:last]
                group["LSST_filters/magnitude:LSST_g:observed"] = B[first:last]
                group["LSST_filters/magnitude:LSST_r:observed"] = C[first:last]
    return VALUES[:, :2]


def photometry(missing=np.float32(99)):
    """RAIL, TXPipe: the group `photometry`; 99 where nothing was detected."""
    faint = ROWS % 10 == 1
    with h5py.File("test_dc2_9816.hdf5", "w") as file:
        for i, band in enumerate("ugri"):
            values = np.where(faint & (band == "u"), missing, SINGLE[:, i])
            file[f"photometry/mag_{band}_lsst"] = values
            file[f"photometry/mag_err_{band}_lsst"] = SINGLE[:, i]
        file["photometry/id"], file["photometry/redshift"] = IDS, A
        file["provenance/process_id"] = np.arange(3)
    return side_by_side(gappy(SINGLE[:, 0], faint), SINGLE[:, 1:3]), IDS


# ---- netCDF --------------------------------------------------------------------------------------


def argo(is_growing=False):
    """netCDF-4 by its own library: packed numbers, valid ranges, values never written."""
    import netCDF4
    packed = (ROWS * 7 % 900).astype("i2")
    with netCDF4.Dataset("argo.nc", "w") as file:
        file.createDimension("obs", None if is_growing else N)
        file.createDimension("bins", 17)
        file.createDimension("strlen", 4)
        file.createVariable("bins", "f8", ("bins",))[:] = np.arange(17)
        file.createVariable("flag", "S1", ("obs", "strlen"))[:] = np.full((N, 4), b"x")
        temperature = file.createVariable("TEMP", "i2", ("obs",), fill_value=-999, zlib=True)
        temperature.set_auto_maskandscale(False)
        temperature.setncatts({"scale_factor": 0.01, "add_offset": 10.0, "units": "degree_C"})
        temperature[:] = np.where(GAPS, -999, packed)
        salinity = file.createVariable("PSAL", "f8", ("obs",))
        salinity.valid_min = -8.0
        salinity[:200] = B[:200]
    missing = (ROWS >= 200) | (B < -8)
    return side_by_side(gappy(packed * 0.01 + 10, GAPS), gappy(B, missing))


def argo_raw():
    """The same numbers as they are stored."""
    argo()
    with h5py.File("argo.nc") as file:
        return side_by_side(file["TEMP"][:], file["PSAL"][:])


def argo_letters():
    import netCDF4
    values, ids = argo(), np.array([b"A%03d" % i for i in ROWS])
    with netCDF4.Dataset("argo.nc", "a") as file:
        file.createVariable("WMO", "S1", ("obs", "strlen"))[:] = netCDF4.stringtochar(ids)
    return values, ids


def argo_growing():
    """With a dimension that grows HDF5 has a variable only up to the last row that was written."""
    values = argo(True)
    with h5py.File("argo.nc") as file:
        assert (file["TEMP"].shape, file["PSAL"].shape) == ((N,), (200,))
    return values


def stations():
    """A variable of two dimensions, one in a group, and a coordinate that is another's dimension."""
    import netCDF4
    with netCDF4.Dataset("stations.nc", "w") as file:
        for name, values in (("time", ROWS), ("station", np.arange(4))):
            file.createDimension(name, len(values))
            file.createVariable(name, "f8", (name,))[:] = values
        file.createVariable("temp", "f4", ("time", "station"), fill_value=-99)[:] = np.where(
            GAPS[:, None] & (np.arange(4) == 2), -99, SINGLE)
        file.createGroup("sun").createVariable("flux", "f4", ("time",))[:] = SINGLE[:, 3]
    return side_by_side(SINGLE[:, 1], gappy(SINGLE[:, 2]), SINGLE[:, 3])


def xarray_file():
    import xarray
    data = xarray.Dataset({"flux": ("time", gappy(A)), "colour": ("time", B),
                           "cube": (("time", "y", "x"), np.zeros((N, 2, 2)))},
                          {"time": pandas.date_range("2026-01-01", periods=N)})
    data.to_netcdf("lightcurve.nc", engine="netcdf4")
    return side_by_side(gappy(A), B)


# ---- AnnData -------------------------------------------------------------------------------------


def encode(item, kind, version="0.2.0", **more):
    item.attrs["encoding-type"], item.attrs["encoding-version"] = kind, version
    for name, value in more.items():
        item.attrs[name.replace("_", "-", 1) if name.startswith("column") else name] = value
    return item


def cells(sparse):
    """An .h5ad of anndata 0.8 and later."""
    with h5py.File("cells.h5ad", "w") as file:
        encode(file, "anndata", "0.1.0")
        if sparse:
            x = encode(file.create_group("X"), "csr_matrix", "0.1.0", shape=np.array([N, 4]))
            x["data"], x["indices"] = SINGLE.ravel(), np.tile(np.arange(4, dtype="i4"), N)
            x["indptr"] = np.arange(N + 1, dtype="i4") * 4
        else:
            encode(file.create_dataset("X", data=SINGLE), "array")
        obs = encode(file.create_group("obs", track_order=True), "dataframe", _index="_index",
                     column_order=["n_counts", "pct_mito", "cell_type", "n_umi"])
        obs["_index"] = np.array([f"cell-{i}" for i in ROWS], object)
        obs["n_counts"], obs["pct_mito"] = SINGLE[:, 0], SINGLE[:, 1]
        kind = encode(obs.create_group("cell_type"), "categorical", ordered=False)
        kind["codes"] = (ROWS % 4 - 1).astype("i1")
        kind["categories"] = np.array(["B", "T", "NK"], object)
        whole = encode(obs.create_group("n_umi"), "nullable-integer", "0.1.0")
        whole["values"], whole["mask"] = ROWS, GAPS
        encode(file.create_group("var"), "dataframe", _index="_index")["_index"] = np.array(
            ["g1", "g2", "g3", "g4"], object)
        encode(file.create_group("obsm"), "dict", "0.1.0")["X_pca"] = VALUES[:, :3]
        for name in "layers", "obsp", "uns", "varm", "varp":
            encode(file.create_group(name), "dict", "0.1.0")


def cells_dense():
    cells(False)
    return SINGLE


def cells_pca():
    cells(True)
    return VALUES[:, :3], [b"cell-%d" % i for i in ROWS]


def cells_obs():
    cells(True)
    return side_by_side(SINGLE[:, :2], gappy(ROWS, GAPS))


def cells_types():
    cells(True)
    return side_by_side(SINGLE[:, 0], gappy((ROWS % 4 - 1).astype("f4"), ROWS % 4 == 0))


def cells_sparse():
    cells(True)


def loom():
    """A row a gene, a column a cell."""
    write("cells.loom", {"matrix": SINGLE.T, "row_attrs/Gene": np.array([b"g"] * 4),
                         "col_attrs/CellID": np.array([b"cell-%d" % i for i in ROWS]),
                         "layers/spliced": SINGLE.T})
    return SINGLE, [b"cell-%d" % i for i in ROWS]


# ---- gravitational waves ------------------------------------------------------------------------


def pesummary():
    """Samples of several analyses, each with what it was made with; the default of GWTC-3."""
    kind = [("chirp_mass", "f8"), ("mass_ratio", "f8"), ("chi_eff", "f8"), ("log_likelihood", "f8")]
    with h5py.File("GW150914.h5", "w") as file:
        file["version/packages"] = np.array([("numpy", "1.2")], [("name", "S9"), ("version", "S9")])
        file["history/program"] = np.array([b"summarycombine"])
        for i, label in enumerate(("C01:IMRPhenomXPHM", "C01:Mixed")):
            samples = np.zeros(N, kind)
            for j, (name, _) in enumerate(kind):
                samples[name] = VALUES[:, (i + j) % 4]
            file[f"{label}/posterior_samples"] = samples
            file[f"{label}/injection_data"] = samples[:1]
            file[f"{label}/approximant"] = np.array([b"IMRPhenomXPHM"])
            file[f"{label}/psds/H1"] = VALUES[:, :2]
            file[f"{label}/meta_data/sampler/nsamples"] = np.array([N])
            file[f"{label}/priors/samples/chirp_mass"] = A[:100]
    return VALUES[:, 1:4]


# ---- Python libraries ----------------------------------------------------------------------------


def frame():
    return pandas.DataFrame({"source_id": IDS, "bp_rp": A, "abs_mag": gappy(B), "name": "x"})


def pandas_fixed():
    frame().drop(columns="name").to_hdf("stars.h5", "stars", format="fixed")
    return side_by_side(A, gappy(B)), IDS


def pandas_table():
    frame().to_hdf("stars.h5", "stars", format="table", data_columns=["abs_mag"], complevel=5)
    return side_by_side(A, gappy(B)), IDS


def pandas_index():
    frame().set_index("source_id").drop(columns="name").to_hdf("stars.h5", "stars", format="fixed")
    return side_by_side(A, gappy(B)), IDS


def pandas_all_data_columns():
    frame().to_hdf("stars.h5", "stars", format="table", data_columns=True)
    return side_by_side(A, gappy(B)), IDS


def pandas_categories():
    kind = pandas.Categorical(np.array(["a", "b", None], object)[ROWS % 3])
    frame().assign(kind=kind).to_hdf("stars.h5", "stars", format="table")
    return side_by_side(A, gappy((ROWS % 3).astype("f8"), ROWS % 3 == 2))


def pandas_times():
    times = pandas.to_datetime("2026-01-01") + pandas.to_timedelta(ROWS, unit="s")
    table = frame().assign(seen=times)
    table.loc[GAPS, "seen"] = pandas.NaT
    table.to_hdf("stars.h5", "stars", format="table")
    return side_by_side(A, gappy(times.astype("i8").to_numpy(), GAPS))


def pandas_levels():
    pandas.DataFrame({("gaia", "g"): A, ("gaia", "bp"): B}).to_hdf("stars.h5", "stars")


def pytables_table():
    class Stars(tables.IsDescription):
        hip = tables.Int64Col(pos=0)

        class phot(tables.IsDescription):
            mag = tables.Float64Col(pos=0)
            flux = tables.Float64Col(shape=(3,), pos=1)

    with tables.open_file("stars.h5", "w") as file:
        table = file.create_table("/survey", "stars", Stars, createparents=True,
                                  filters=tables.Filters(5, "zlib"))
        rows = np.zeros(N, table.dtype)
        rows["hip"], rows["phot"]["mag"], rows["phot"]["flux"][:, 2] = IDS, A, B
        table.append(rows)
        table.cols.hip.create_index()
    return VALUES[:, :2], IDS


def pytables_times():
    with tables.open_file("stars.h5", "w") as file:
        file.create_table("/", "stars", {"mag": tables.Float64Col(), "seen": tables.Time64Col()})


def pytables_array():
    with tables.open_file("points.h5", "w") as file:
        growing = file.create_earray("/", "points", tables.Float32Atom(), (0, 4))
        for begin in range(0, N, 60):
            growing.append(SINGLE[begin:begin + 60])
    return SINGLE[:, :3]


def astropy_table():
    mask = ROWS % 5 == 0
    table = QTable({"id": IDS, "plx": A * units.mas,
                    "g": MaskedColumn(np.where(mask, -1e30, B), mask=mask, unit="mag")})
    Table(table).write("stars.h5", path="stars", serialize_meta=True)
    return side_by_side(A, gappy(B, mask)), IDS


def vaex_column(group, name, values, mask=None, **attributes):
    column = group.create_group(f"columns/{name}")
    column["data"] = values
    column["data"].attrs.update(attributes)
    if mask is not None:
        column["mask"] = mask


def vaex():
    """As export_hdf5 of vaex 4 writes it; texts as Arrow has them."""
    with h5py.File("stars.h5", "w") as file:
        table = file.create_group("table")
        table.attrs["type"] = "table"
        vaex_column(table, "source_id", IDS)
        vaex_column(table, "bp_rp", A, unit="mag", dtype="f8")
        vaex_column(table, "rv_nb", np.where(GAPS, 999999, ROWS), GAPS)
        names = [b"HIP%d" % i for i in ROWS]
        vaex_column(table, "name", np.frombuffer(b"".join(names), "u1"), dtype="str")
        table["columns/name/indices"] = np.cumsum([0, *map(len, names)])
        table["columns"].attrs["column_order"] = "source_id,bp_rp,rv_nb,name"
    return side_by_side(A, gappy(ROWS, GAPS)), IDS


# ---- MATLAB, Octave, R, Julia, Fortran: the first index is the fastest --------------------------


def matlab_variable(place, name, values, kind="double"):
    place[name] = values
    place[name].attrs["MATLAB_class"] = np.bytes_(kind)


def matlab():
    """save -v7.3: a matrix, column vectors, a structure, texts, what is empty, a cell array."""
    with h5py.File("stars.mat", "w", userblock_size=512) as file:
        matlab_variable(file, "catalogue", VALUES.T)
        matlab_variable(file, "color", A[None])
        matlab_variable(file, "mag", gappy(B)[None])
        matlab_variable(file, "is_giant", (A > 0).astype("u1")[None], "logical")
        file["is_giant"].attrs["MATLAB_int_decode"] = np.int32(1)
        matlab_variable(file, "note", np.frombuffer(b"h\0i\0", "u2")[:, None], "char")
        matlab_variable(file, "nothing", np.zeros(2, "u8"))
        file["nothing"].attrs["MATLAB_empty"] = np.uint8(1)
        structure = file.create_group("survey")
        structure.attrs["MATLAB_class"] = np.bytes_("struct")
        matlab_variable(structure, "ra", C[None])
        matlab_variable(structure, "dec", D[None])
        file["#refs#/a"] = np.zeros((1, 3))
        file.create_dataset("cells", (1, 3), h5py.ref_dtype).attrs["MATLAB_class"] = np.bytes_("cell")
    with open("stars.mat", "r+b") as file:
        head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Sun Nov 29 2026 HDF5 schema 1.00 ."
        file.write(head.ljust(116) + bytes(8) + b"\0\2IM")


def matlab_matrix():
    matlab()
    return VALUES[:, :3]


def matlab_vectors():
    matlab()
    return side_by_side(A, gappy(B))


def matlab_structure():
    matlab()
    return VALUES[:, 2:]


def save_in_octave(values):
    """`save -hdf5` of Octave itself: of a matrix and its first column."""
    np.savetxt("points.txt", values, fmt="%.17g")
    subprocess.run(["octave-cli", "--quiet", "--no-history", "--eval",
                    "points = load('points.txt'); color = points(:,1);"
                    "save('-hdf5', 'points.h5', 'points', 'color');"],
                   check=True, timeout=60, capture_output=True)


def octave():
    save_in_octave(VALUES)
    return VALUES[:, :3]


def matlab_objects():
    """Of a table only a handle is stored under its name, of a sparse matrix what is not zero."""
    matlab()
    with h5py.File("stars.mat", "a") as file:
        matlab_variable(file, "gaia", np.array([[0xdd000000, 2, 1, 1, 1, 1]], "u4"), "table")
        file["gaia"].attrs["MATLAB_object_decode"] = np.int32(3)
        file.create_dataset("#subsystem#/MCOS", (1, 8), h5py.ref_dtype)
        group = file.create_group("counts")
        group.attrs["MATLAB_class"] = np.bytes_("double")
        group.attrs["MATLAB_sparse"] = np.uint64(N)
        group["data"], group["ir"] = A, ROWS.astype("u8")
        group["jc"] = np.arange(5, dtype="u8") * (N // 4)


def octave_as_stored():
    values = blobs(30, 20)
    save_in_octave(values)
    return values.T


def r_matrix():
    """rhdf5: matrices come transposed, R's NA of integers is the lowest one."""
    with h5py.File("stars.h5", "w") as file:
        for name, values in (("points", VALUES.T), ("color", A), ("mag", gappy(B)),
                             ("n_obs", np.where(GAPS, -2 ** 31, ROWS).astype("i4"))):
            file.create_dataset(name, data=values, chunks=values.shape, compression=6, shuffle=True)
            file[name].attrs["rhdf5-NA.OK"] = np.int32(1)
    return VALUES[:, :3]


def r_vectors():
    r_matrix()
    return side_by_side(A, gappy(B), gappy(ROWS, GAPS))


def r_frame():
    """A data.frame of rhdf5 is a dataset of compounds, without the attribute about NA."""
    rows = np.zeros(N, [("color", "f8"), ("mag", "f8"), ("n", "i4")])
    rows["color"], rows["mag"], rows["n"] = A, B, np.where(GAPS, -2 ** 31, ROWS)
    write_array("stars.h5", rows, "stars", chunks=(N,), compression=6, shuffle=True)
    return side_by_side(A, gappy(ROWS, GAPS))


def fortran():
    write_array("points.h5", VALUES.T.copy(), "points", chunks=(4, 64))
    return VALUES[:, :3]
