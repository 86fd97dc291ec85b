# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What networks learn from: fields on disk, and surveys of them."""

import numpy as np
import pytest
from astropy import units as u

from lensmap import HaloModelField
from lensmap.flatsky import convergence_to_shear, gaussian_smooth, shear_to_convergence
from lensmap.networks import (
    Architecture,
    Domain,
    FieldSet,
    SurveyRange,
    read_card,
    training_examples,
)
from lensmap.networks.training._examples import TrainingExamples
from lensmap.utils import RunFolder

SHAPE = (64, 64)
MULTISCALE, PAPER = Architecture("multiscale"), Architecture("paper")


@pytest.fixture(scope="module")
def model():
    return HaloModelField(z_source=[1.0, 2.0], shape=SHAPE, pixel_scale=1 * u.arcmin)


@pytest.fixture(scope="module")
def fields(model, tmp_path_factory):
    return FieldSet.draw(tmp_path_factory.mktemp("fields"), model, 4, seed=1, workers=1)


@pytest.fixture
def lens(tmp_path):
    """A set with one mass of which all is known, off the center."""
    y, x = np.indices(SHAPE)
    kappa = 0.5 * np.exp(-0.5 * ((x - 44) ** 2 + (y - 25) ** 2) / 5**2)
    gamma = convergence_to_shear(kappa)
    folder = tmp_path / "lens"
    folder.mkdir()
    settings = {"pixel_scale": 1 * u.arcmin, "z_source": ["1.0"], "shape": SHAPE}
    RunFolder(folder, settings, schema=1, kind="set of fields").close()
    planes = np.array([[kappa, gamma.real, gamma.imag]], dtype=np.float16)
    np.save(folder / "000000.npy", planes)
    return FieldSet(folder)


class TestFieldSet:
    def test_holds_what_the_model_draws(self, fields, model):
        from lensmap.simulate import field_seed

        drawn = model.draw(field_seed(1, 2))
        for i, field in enumerate(drawn):
            kappa, gamma = fields.read(2, i)
            np.testing.assert_allclose(kappa, field.kappa.data, rtol=1e-3, atol=1e-6)
            np.testing.assert_allclose(gamma, field.gamma, rtol=2e-3, atol=1e-6)
        assert (len(fields), fields.n_redshifts, fields.pixel_scale) == (4, 2, 1.0)

    def test_grows_without_changing(self, fields, model):
        before = fields.files[0].stat().st_mtime_ns
        grown = FieldSet.draw(fields.folder, model, 5, seed=1, workers=1)
        assert len(grown) == 5 and grown.files[0].stat().st_mtime_ns == before
        grown.files[4].unlink()

    def test_refuses_other_fields(self, fields, model):
        with pytest.raises(ValueError, match="with other settings: seed was 1 and is now 2"):
            FieldSet.draw(fields.folder, model, 4, seed=2)
        with pytest.raises(ValueError, match="model.padding was 1.5 and is now 1;"):
            FieldSet.draw(fields.folder, model.replace(padding=1.0), 4, seed=1)

    def test_from_files(self, model, tmp_path):
        drawn = model.draw(3)
        for i, field in enumerate(drawn):
            field.write(tmp_path / f"f{i}.fits")
        found = FieldSet.from_files(tmp_path / "set", sorted(tmp_path.glob("*.fits"))[:1])
        kappa, gamma = found.read(0, 0)
        np.testing.assert_allclose(kappa, drawn[0].kappa.data, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(gamma, drawn[0].gamma, rtol=2e-3, atol=1e-6)
        more = FieldSet.from_files(tmp_path / "set", sorted(tmp_path.glob("f*.fits"))[:1] * 2)
        assert len(more) == 2 and FieldSet.exists(tmp_path / "set")
        with pytest.raises(ValueError, match="same pixels and source redshift, but .*f1.fits"):
            FieldSet.from_files(tmp_path / "other", sorted(tmp_path.glob("f*.fits")))
        with pytest.raises(ValueError, match="with other settings: z_source was"):
            FieldSet.from_files(tmp_path / "set", sorted(tmp_path.glob("f*.fits"))[1:])
        with pytest.raises(ValueError, match="at least one file"):
            FieldSet.from_files(tmp_path / "none", [])

    @pytest.mark.parametrize("array", [np.zeros((2, 3, 8, 8), "f2"), None])
    def test_a_file_that_is_no_field_is_not_learned_from(self, model, tmp_path, array):
        small = FieldSet.draw(tmp_path, model, 2, seed=1, workers=1)
        if array is None:
            small.files[1].write_bytes(small.files[1].read_bytes()[:-100])
        else:
            np.save(small.files[1], array)
        with pytest.raises(ValueError, match="damaged or that another program wrote .000001.npy"):
            FieldSet.draw(tmp_path, model, 2, seed=1, workers=1)

    def test_copies_are_not_learned_from(self, model, tmp_path):
        small = FieldSet.draw(tmp_path, model, 2, seed=1, workers=1)
        for name in ("000001 (1).npy", "1.npy", "000002-copy.npy"):
            (tmp_path / name).write_bytes(small.files[0].read_bytes())
        assert [path.name for path in FieldSet(tmp_path).files] == ["000000.npy", "000001.npy"]

    def test_no_set(self, tmp_path):
        assert not FieldSet.exists(tmp_path)
        with pytest.raises(FileNotFoundError, match="holds no set of fields"):
            FieldSet(tmp_path)


def test_the_domain_of_the_usual_survey_is_that_of_a_network_trained_on_it():
    trained = Domain.from_card(read_card("cha2025"))
    domain = SurveyRange.only_usual().domain([0.41])
    assert domain.pixel_scale == trained.pixel_scale == (0.41, 0.41)
    assert domain.galaxies_per_pixel == pytest.approx(trained.galaxies_per_pixel, rel=1e-6)
    assert domain.shape_noise == pytest.approx(trained.shape_noise, abs=0.002)
    assert domain.measurement_error == pytest.approx(trained.measurement_error, abs=1e-4)
    assert SurveyRange().domain([0.41]).measurement_error == (0.0, 0.15)
    assert SurveyRange().domain([0.3, 0.7]).pixel_scale == (0.3, 0.7)


def test_the_density_limits_the_galaxies_per_pixel():
    survey = SurveyRange.wide()
    assert survey.domain([0.2]).galaxies_per_pixel == pytest.approx((1.0, 130 * 0.04))
    assert survey.domain([1.0]).galaxies_per_pixel == pytest.approx((3.0, 25.0))
    assert survey.domain([0.2, 1.0]).galaxies_per_pixel == pytest.approx((1.0, 25.0))
    with pytest.raises(ValueError, match="density must be one that includes 10 to 25 galaxies"):
        SurveyRange(galaxies_per_pixel=(10, 25), density=(3, 130)).domain([0.2])


class TestExamples:
    def test_are_the_same_for_the_same_numbers(self, fields):
        one, other = (TrainingExamples({fields: 1.0}, MULTISCALE, seed=3) for _ in range(2))
        first = [one.draw(step, 0) for step in range(4)]
        again = [other.draw(step, 0) for step in reversed(range(4))][::-1]
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a[0], b[0])
            np.testing.assert_array_equal(a[1], b[1])
        assert not np.array_equal(first[0][0], first[1][0])

    @pytest.mark.parametrize("step", range(6))
    def test_turned_shear_still_points_at_the_turned_mass(self, lens, step):
        """Augment, then invert: the mass is where the target has it, but with a wrong sign."""
        examples = TrainingExamples({lens: 1.0}, PAPER, SurveyRange.only_usual(), seed=4)
        inputs, targets = examples.draw(step)
        kappa = targets[..., 0]
        found = gaussian_smooth(
            shear_to_convergence(inputs[..., 0] + 1j * inputs[..., 1]).real, 3
        )
        truth = gaussian_smooth(kappa, 3)
        assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.75
        assert np.hypot(*np.subtract(np.unravel_index(found.argmax(), SHAPE),
                                     np.unravel_index(truth.argmax(), SHAPE))) < 2.5

    def test_all_eight_orientations_occur(self, lens):
        examples = TrainingExamples({lens: 1.0}, PAPER, SurveyRange.only_usual(), seed=5)
        peaks = {
            np.unravel_index(examples.draw(step)[1][..., 0].argmax(), SHAPE) for step in range(60)
        }
        assert len(peaks) == 8

    def test_the_usual_survey(self, fields):
        examples = TrainingExamples({fields: 1.0}, MULTISCALE, SurveyRange.only_usual(), seed=6)
        inputs, _ = examples.draw(0)
        # 33 galaxies in each pixel of a square arcminute: the noise of one, .24 and measurement
        noise = 0.115 * np.exp(inputs[..., 10])
        assert noise.mean() == pytest.approx(0.2456 / np.sqrt(33), rel=0.03)

    def test_masks_and_depths_vary(self, fields):
        examples = TrainingExamples({fields: 1.0}, MULTISCALE, seed=7)
        drawn = [examples.draw(step)[0] for step in range(40)]
        open_parts = np.array([np.mean(planes[..., 8] > 0.3) for planes in drawn])
        assert 0.1 < np.mean(open_parts < 0.97) < 0.9
        noise = np.array([np.median(planes[..., 10]) for planes in drawn])
        assert np.ptp(noise) > 0.5

    def test_pixels_without_data_count_little(self, fields):
        survey = SurveyRange(masked=1.0, small=0.0, mask_fraction=(0.4, 0.4), outside=0.1)
        inputs, targets = TrainingExamples({fields: 1.0}, MULTISCALE, survey, seed=8).draw(0)
        weight = targets[..., 1]
        np.testing.assert_allclose(np.unique(weight / weight.max()), [0.1, 1.0], rtol=1e-3)
        assert np.mean(weight == weight.max()) == pytest.approx(0.6, abs=0.001)
        assert np.all(inputs[..., 7][weight < weight.max()] == 0)  # no galaxies there

    def test_crop(self, fields):
        inputs, targets = TrainingExamples({fields: 1.0}, PAPER, crop=32, seed=9).draw(0)
        assert inputs.shape == (32, 32, 3) and targets.shape == (32, 32, 3)

    def test_the_margin_is_empty_and_does_not_count(self, fields):
        survey = SurveyRange.only_usual()
        architecture = Architecture("paper", margin=6)
        inputs, targets = TrainingExamples({fields: 1.0}, architecture, survey).draw(0)
        assert inputs.shape == (76, 76, 3)
        edge = np.ones((76, 76), dtype=bool)
        edge[6:-6, 6:-6] = False
        assert np.all(inputs[edge] == 0) and np.all(targets[edge, 1:] == 0)
        assert np.all(targets[~edge, 1] > 0)
        # Pieces of it: their edges do not count, wherever they lie.
        cut = TrainingExamples({fields: 1.0}, Architecture("paper", margin=6), survey, crop=40)
        empty = []
        for step in range(8):
            inputs, targets = cut.draw(step)
            assert inputs.shape == (40, 40, 3)
            assert np.all(targets[:6, :, 1] == 0) and np.all(targets[:, -6:, 1] == 0)
            empty.append(np.mean(inputs[..., 2] == 0))
        assert np.ptp(empty) > 0.02

    def test_held_back_fields_are_not_learned_from(self, fields):
        examples = TrainingExamples({fields: 1.0}, PAPER, held_back=3, seed=10)
        assert examples._n_files == [1]
        with pytest.raises(ValueError, match="no file left for training, because 4 files of each"):
            TrainingExamples({fields: 1.0}, PAPER, held_back=4)

    def test_bad_shares(self, fields):
        with pytest.raises(ValueError, match="sets must give each set of fields a share"):
            TrainingExamples({}, PAPER)
        with pytest.raises(ValueError, match="sets must give each set of fields a share"):
            TrainingExamples({fields: 0.0}, PAPER)


class TestWideRange:
    """TrainingExamples of the surveys of the field."""

    def test_some_fields_have_no_or_a_weak_signal(self, fields):
        survey = SurveyRange(null=0.25, faint=0.25)
        scatter = np.array([
            TrainingExamples({fields: 1.0}, PAPER, survey, seed=2).draw(step)[1][..., 0].std()
            for step in range(60)
        ])
        usual = np.median(scatter[scatter > 0])
        assert 5 <= np.sum(scatter == 0) <= 25
        assert 4 <= np.sum((scatter > 0) & (scatter < 0.3 * usual)) <= 25

    def test_shear_is_as_faint_as_the_mass(self, lens):
        examples = TrainingExamples({lens: 1.0}, PAPER, SurveyRange(faint=1.0))
        kappa, gamma, _ = examples._transform(*lens.read(0, 0), np.random.default_rng(1))
        weak, shear = examples._fainter(kappa, gamma, np.random.default_rng(4))
        factor = weak.max() / kappa.max()
        assert 0 < factor < 0.3
        np.testing.assert_allclose(shear, factor * gamma, rtol=1e-5)

    def test_noise_is_that_which_the_inputs_state(self, lens):
        """Errors of galaxies that differ by up to a factor of 20 make the noise of the inputs."""
        survey = SurveyRange(usual=0, other_errors=0, varied_errors=1, masked=0, small=0, null=1,
                             galaxies_per_pixel=(6, 25), sigma_e=(0.2, 0.4))
        examples = TrainingExamples({lens: 1.0}, PAPER, survey)
        kappa, gamma, inside = examples._transform(*lens.read(0, 0), np.random.default_rng(1))
        pulls, errors = [], []
        for seed in range(12):
            arrays, _ = examples._observe(
                0 * kappa, 0 * gamma, inside, lens.pixel_scale, np.random.default_rng(seed)
            )
            pulls.append(arrays.shear * np.sqrt(arrays.inverse_variance))
            errors.append(arrays.measurement_error[arrays.inverse_variance > 0].mean())
        pulls = np.array(pulls)
        assert np.std(pulls.real) == pytest.approx(1, abs=0.02)
        assert np.std(pulls.imag) == pytest.approx(1, abs=0.02)
        assert min(errors) < 0.06 and max(errors) > 0.2

    def test_its_domain_has_its_examples(self, fields):
        survey = SurveyRange.wide()
        domain = survey.domain([0.2, 1.0])
        assert domain.pixel_scale == (0.2, 1.0)
        assert domain.galaxies_per_pixel[0] <= 1 and domain.galaxies_per_pixel[1] >= 25
        assert domain.shape_noise[0] <= 0.2 and 0.42 < domain.shape_noise[1] < 0.7
        assert 0.2 < domain.measurement_error[1] < 0.6
        examples = TrainingExamples({fields: 1.0}, PAPER, survey)
        masked = [np.mean(examples.draw(step)[1][..., 1] < 0.2)
                  for step in range(3)]
        assert max(masked) < 0.9

    def test_sources_at_many_redshifts(self, tmp_path):
        from lensmap import SourceRedshifts

        sources = [SourceRedshifts.preset("lsst_y10"), 1.0]
        model = HaloModelField(z_source=sources, shape=SHAPE, pixel_scale=1 * u.arcmin,
                               cosmology="planck18")
        drawn = FieldSet.draw(tmp_path / "f", model, 1, workers=1)
        assert drawn.n_redshifts == 2 and FieldSet.draw(tmp_path / "f", model, 1).n_redshifts == 2
        inputs, targets = TrainingExamples({drawn: 1.0}, MULTISCALE, SurveyRange.wide()).draw(1)
        assert np.isfinite(inputs).all() and np.isfinite(targets).all()


class TestTrainingExamples:
    def test_numbers_batches_and_iteration_agree(self, fields):
        examples = training_examples(fields, "paper", seed=5)
        for number, (inputs, targets) in zip(range(3), examples):
            again = training_examples({fields: 2.0}, PAPER, seed=5)[number]
            np.testing.assert_array_equal(inputs, again[0])
            np.testing.assert_array_equal(targets, again[1])
        batches = examples.batches(2, start=1)
        inputs, targets = next(batches)
        assert inputs.shape == (2, 64, 64, 3) and targets.shape == (2, 64, 64, 3)
        np.testing.assert_array_equal(inputs[0], examples[1][0])
        np.testing.assert_array_equal(next(batches)[1][1], examples.draw(2, 1)[1])
        assert not np.array_equal(examples[0][0], examples[1][0])

    def test_workers_of_a_loader_make_the_same(self, fields):
        import pickle

        examples = training_examples(fields.folder, "multiscale", SurveyRange.wide())
        copy = pickle.loads(pickle.dumps(examples))
        for one, other in zip(examples[3], copy[np.int64(3)], strict=True):
            np.testing.assert_array_equal(one, other)

    def test_the_planes_of_the_targets(self, fields):
        """The weights follow from the fields and from the noise of the inputs."""
        survey = SurveyRange(usual=1.0, masked=0.0, small=0.0)
        _, targets = training_examples(fields, "paper", survey, exponent=2)[0]
        variance = (targets[..., 2].max()) ** -2.0
        assert fields.variances.min() < variance < 2 * fields.variances.max()
        kappa = targets[..., 0]
        focal = (1 + np.abs(kappa) / np.abs(kappa).max()) ** 2
        np.testing.assert_allclose(targets[..., 1], focal / variance, rtol=1e-4)

    def test_names(self, fields):
        assert training_examples(fields, "cha2025").architecture.margin > 0
        with pytest.raises(ValueError, match="inputs must be one of 'multiscale', .*'h21like', or"):
            training_examples(fields, "shear")
        with pytest.raises(IndexError, match="must be at least 0, not -1"):
            training_examples(fields)[-1]
        with pytest.raises(TypeError):
            training_examples(fields)["a"]


class TestMapsOfTheUser:
    kappa = 0.02 * np.random.default_rng(8).standard_normal((24, 32)).astype("f4")

    def _write(self, folder, name, kappa=None):
        import h5py
        from astropy.io import fits

        kappa, path = self.kappa if kappa is None else kappa, folder / name
        if name.endswith(".npy"):
            np.save(path, kappa)
        elif name.endswith(".h5"):
            with h5py.File(path, "w") as file:
                file["maps/kappa"], file["n"] = kappa, 3
        else:
            fits.writeto(path, kappa)
        return path

    @pytest.mark.parametrize("name", ["a.fits", "a.npy", "a.h5"])
    def test_formats_give_the_same_field(self, name, tmp_path):
        path = self._write(tmp_path, name)
        found = FieldSet.from_files(tmp_path / "set", [path], pixel_scale="0.5 arcmin",
                                    z_source=1.0)
        kappa, gamma = found.read(0, 0)
        np.testing.assert_allclose(kappa, self.kappa, atol=2e-5)  # rows are y
        expected = convergence_to_shear(self.kappa - self.kappa.mean(), padding=2.0)
        np.testing.assert_allclose(gamma, expected, atol=1e-4)
        assert found.pixel_scale == 0.5 and found.settings["z_source"] == ["1.0"]

    def test_a_side(self, tmp_path):
        path = self._write(tmp_path, "a.npy", self.kappa[:, :24])
        found = FieldSet.from_files(tmp_path / "set", [path], width="12 arcmin")
        assert found.pixel_scale == 0.5 and found.settings["z_source"] == ["None"]

    def test_messages_name_the_file(self, tmp_path):
        paths = [self._write(tmp_path, name) for name in ("a.npy", "a.h5", "a.fits")]
        for path in paths:
            with pytest.raises(ValueError, match=rf"pixel_scale must be given.*{path.name}"):
                FieldSet.from_files(tmp_path / "set", [path])
        bad = self.kappa.copy()
        bad[3, 4] = np.nan
        path = self._write(tmp_path, "b.npy", bad)
        with pytest.raises(ValueError, match=r"b\.npy' must have finite values"):
            FieldSet.from_files(tmp_path / "set", [path], pixel_scale="1 arcmin")
        path = self._write(tmp_path, "c.npy", self.kappa[:20])
        with pytest.raises(ValueError, match=r"same pixels.*c\.npy"):
            FieldSet.from_files(tmp_path / "s", [paths[0], path], pixel_scale="1 arcmin")
        with pytest.raises(ValueError, match=r"cube\.npy' must be a two-dimensional image"):
            cube = self._write(tmp_path, "cube.npy", np.zeros((2, 8, 8)))
            FieldSet.from_files(tmp_path / "t", [cube], pixel_scale="1 arcmin")
        with pytest.raises(ValueError, match="read must be None if width, pixel_scale or z_source"):
            FieldSet.from_files(tmp_path / "t", paths, pixel_scale="1 arcmin", read=len)

    def test_several_maps_in_one_file(self, tmp_path):
        import h5py

        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["one"], file["two"] = self.kappa, self.kappa
        with pytest.raises(ValueError, match=r"a\.h5' must hold one map.*maps are: one, two"):
            FieldSet.from_files(tmp_path / "set", [tmp_path / "a.h5"], pixel_scale="1 arcmin")

    def test_files_that_define_their_pixels(self, model, tmp_path):
        model.draw(3)[0].write(tmp_path / "f.fits")
        with pytest.raises(ValueError, match=r"z_source must be left out, because .*f\.fits"):
            FieldSet.from_files(tmp_path / "set", [tmp_path / "f.fits"], z_source=1.0)
