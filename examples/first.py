"""One request, two vendors, no key: what each would be sent, what comes out differently, and the pictures."""

from imagegen import Client, GenerationRequest, Lora, plan

request = GenerationRequest(
    prompt="a lighthouse at dusk, (warm lantern light:1.2)",
    model="@demo-checkpoint",
    loras=[Lora("@demo-style", 0.6), Lora("@demo-detail", 1.1)],
    steps=30,
)
print(*plan(request, provider="modelslab").notes, sep="\n")

with Client(emulated=True) as client:
    for provider in ("tams", "modelslab"):
        result = client.generate(request, provider=provider)
        print(provider, result.images[0].path, result.cost.estimated)
