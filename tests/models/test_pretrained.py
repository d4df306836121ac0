"""2D networks with weights: from torchvision's servers, from a file in place of that, and what goes wrong."""

import hashlib
import http.server
import threading
import time
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import load_file
from twins import random_tensors

from labkit.clip import ClipSpec
from labkit.data.transforms import normalise
from labkit.data.video import VideoReader
from labkit.models import WeightsError, create_model, pretrained, save_weights
from labkit.models.pretrained import DownloadError, checksum_in, pretrained_2d, pretrained_names


@pytest.fixture
def server(tmp_path):
    """A web server for the files in `.folder`; it counts what is asked of it, and sleeps if told to."""
    about = SimpleNamespace(folder=tmp_path / "served", asked=0, silent=False)
    about.folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(about.folder))

        def do_GET(self):
            about.asked += 1
            while about.silent:
                time.sleep(0.01)
            super().do_GET()

        def log_message(self, *arguments):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    about.url = f"http://127.0.0.1:{running.server_port}"
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield about
    about.silent = False
    running.shutdown()
    running.server_close()


@pytest.fixture
def published_at(monkeypatch, tmp_path):
    """Let SqueezeNet's weights be published at another address, and torchvision keep its files in an empty folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    real = next(iter(torchvision.models.get_model_weights("squeezenet1_1")))

    def publish(url):
        made = SimpleNamespace(url=url, meta=real.meta, transforms=real.transforms)
        monkeypatch.setattr(torchvision.models, "get_model_weights", lambda name: [made])
        return tmp_path / "home" / "hub" / "checkpoints"

    return publish


def squeezenet(folder):
    """A file of random SqueezeNet weights whose name carries its checksum."""
    network = torchvision.models.squeezenet1_1()
    torch.save(network.state_dict(), folder / "new.pth")
    checksum = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()
    return network, (folder / "new.pth").rename(folder / f"squeezenet1_1-{checksum[:8]}.pth")


def test_weights_are_downloaded_checked_and_kept(server, published_at, capfd):
    network, file = squeezenet(server.folder)
    kept = published_at(f"{server.url}/{file.name}")
    found = pretrained_2d("squeezenet1_1")
    assert "100%" in capfd.readouterr().err
    assert all(torch.equal(t, network.state_dict()[name]) for name, t in found.network.state_dict().items())
    assert not found.network.training
    assert found.clip == ClipSpec(frames=1, size=224, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    assert found.categories[:2] == ("tench", "goldfish")
    assert len(found.categories) == 1000
    assert [each.name for each in kept.iterdir()] == [file.name]
    pretrained_2d("squeezenet1_1")
    assert server.asked == 1


def test_a_kept_file_that_was_damaged_is_downloaded_anew(server, published_at):
    _, file = squeezenet(server.folder)
    kept = published_at(f"{server.url}/{file.name}")
    kept.mkdir(parents=True)
    (kept / file.name).write_bytes(file.read_bytes()[:1000])
    pretrained_2d("squeezenet1_1", progress=False)
    assert (kept / file.name).read_bytes() == file.read_bytes()


def test_a_download_with_another_checksum_is_refused_and_not_kept(server, published_at):
    _, file = squeezenet(server.folder)
    file.rename(server.folder / "squeezenet1_1-00000000.pth")
    kept = published_at(f"{server.url}/squeezenet1_1-00000000.pth")
    with pytest.raises(DownloadError, match=r"is not the published squeezenet1_1: invalid hash value"):
        pretrained_2d("squeezenet1_1", progress=False)
    assert list(kept.iterdir()) == []


def test_a_missing_page_is_one_line(server, published_at):
    published_at(f"{server.url}/gone-00000000.pth")
    with pytest.raises(
        DownloadError,
        match=r"^the weights of squeezenet1_1 could not be downloaded .*\(HTTP Error 404: File not found\)\. Pass a",
    ):
        pretrained_2d("squeezenet1_1", progress=False)


def test_no_network_is_one_line_and_leaves_nothing(published_at):
    kept = published_at("http://127.0.0.1:9/squeezenet1_1-00000000.pth")  # the port that discards: nobody listens
    with pytest.raises(
        DownloadError, match=r"^the weights of squeezenet1_1 could not be downloaded from .*refused"
    ) as error:
        pretrained_2d("squeezenet1_1", progress=False)
    assert "\n" not in str(error.value)
    assert error.value.__suppress_context__
    assert list(kept.iterdir()) == []


def test_a_silent_server_is_given_up(server, published_at, monkeypatch):
    _, file = squeezenet(server.folder)
    published_at(f"{server.url}/{file.name}")
    monkeypatch.setattr(pretrained, "PATIENCE", 0.3)
    server.silent = True
    with pytest.raises(DownloadError, match="timed out"):
        pretrained_2d("squeezenet1_1", progress=False)
    assert server.asked == 1


def test_every_network_of_torchvision_has_a_checksum_in_its_address():
    names = set(pretrained_names()) - set(pretrained.list_models("*_2d")) - set(pretrained.OTHERS)
    assert {"resnet50", "vgg16", "convnext_tiny", "efficientnet_b0", "mobilenet_v3_small"} <= names
    assert all(len(checksum_in(pretrained._torchvision(name, {}).url)) >= 8 for name in names)


def test_an_address_without_a_checksum_is_refused():
    with pytest.raises(ValueError, match="has no checksum in its name"):
        checksum_in("https://example.org/weights.pth")


def test_a_local_file_takes_the_place_of_a_download(tmp_path):
    teacher = create_model("resnet18_2d", 7, width=4, shortcut="B")
    path = save_weights(teacher, tmp_path / "w.safetensors", classes=list("abcdefg"))
    found = pretrained_2d("resnet18_2d", path, width=4)
    assert torch.equal(found.network.fc.weight, teacher.fc.weight)
    assert found.categories == tuple("abcdefg")
    assert found.network.clip == found.clip
    assert found.clip.mean == (123.675, 116.28, 103.53)
    assert found.loaded.path == path


def test_torchvisions_published_names_and_files_fit_our_2d_networks():
    twins = {"resnet18_2d": "resnet18-", "resnet50_2d": "resnet50-", "wide_resnet50_2d": "wide_resnet50_2-"}
    for ours, file in (twins | {"densenet121_2d": "densenet121-"}).items():
        assert f"/{file}" in pretrained._source(ours, {}).url


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_text("not weights"), "file of another kind"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: torch.save({"state": {}, "param_groups": []}, path), "the state of an optimiser"),
        (lambda path: torch.save({"conv1.weight": torch.zeros(2)}, path), "they have no fc.bias or fc.weight"),
    ],
)
def test_a_local_file_of_something_else_is_one_line(tmp_path, write, message):
    write(tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=message):
        pretrained_2d("resnet18", tmp_path / "w.pth")


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ValueError, match="unknown 2D network 'resnet81'; did you mean 'resnet18'"):
        pretrained_2d("resnet81")
    with pytest.raises(WeightsError, match="squeezenet1_0_caffe: its weights are not for download here: pass a file"):
        pretrained_2d("squeezenet1_0_caffe")


@pytest.mark.parametrize(("name", "size"), [("googlenet", 64), ("inception_v3", 75)])
def test_networks_that_rescale_inside_torchvision_get_their_pixels_scaled_instead(tmp_path, name, size):
    options = {"init_weights": False, "aux_logits": True}
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name, transform_input=True, **options)
    tensors = random_tensors(theirs)
    torch.save(tensors, tmp_path / "w.pth")
    theirs.load_state_dict(tensors, assign=True)
    found = pretrained_2d(name, tmp_path / "w.pth")
    assert not any("aux" in each.lower() for each in found.network.state_dict())

    pixels = torch.rand(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 255
    imagenet = [
        torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    ]
    own = [torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (found.clip.mean, found.clip.std)]
    with torch.no_grad():
        expected = theirs.eval()((pixels / 255 - imagenet[0]) / imagenet[1])
        logits = found.network.double()((pixels - own[0]) / own[1])
    assert ((logits - expected).abs().max() / expected.abs().max()).item() < 1e-5  # the file went through float32


@pytest.mark.real_data
def test_the_real_imagenet_network_reads_rgb_and_computes_what_its_file_computes_on_bgr(real_data):
    path = real_data / "weights" / "squeezenet1_0_imagenet.safetensors"
    found = pretrained_2d("squeezenet1_0_caffe", path)
    published = torchvision.models.squeezenet1_0()
    published.load_state_dict(load_file(path))
    published.classifier[1].padding = (1, 1)

    with VideoReader(real_data / "videos" / "cleaning_pool.mp4") as reader:
        frames = torch.from_numpy(reader.frames(0, 100, size=(227, 227))[::20]).permute(0, 3, 1, 2)
    bgr = frames.flip(1).double() - torch.tensor([104.0, 117.0, 123.0], dtype=torch.float64).view(3, 1, 1)
    rgb = normalise(frames[:, None], found.clip)[:, :, 0].double()
    with torch.no_grad():
        expected = published.double().eval()(bgr)
        network = found.network.double()
        assert (network(rgb) - expected).abs().max() / expected.abs().max() < 1e-6  # clips are normalised in float32
        tensors = {name: t.double() for name, t in load_file(path).items()}
        first = F.conv2d(bgr, tensors["features.0.weight"], tensors["features.0.bias"], stride=2)
        assert (network.features[0](rgb) - first).abs().max() / first.abs().max() < 1e-6
        assert (network(rgb.flip(1)) - expected).abs().max() / expected.abs().max() > 0.05
    # A pool is cleaned: among a thousand names, what the network says of the last frame is of water.
    best = [found.categories[i] for i in network(rgb)[-1].topk(4).indices]
    assert "snorkel" in best


@pytest.mark.real_data
def test_the_real_cifar_network_comes_with_its_ten_classes(real_data):
    found = pretrained_2d("resnet20_2d", real_data / "weights" / "resnet20-12fca82f.th")
    assert found.categories[:2] == ("airplane", "automobile")
    assert found.network.fc.out_features == len(found.categories) == 10
    assert found.clip.size == 32
    assert found.loaded.metadata["best_prec1"] == pytest.approx(91.78)
