const answer = await fetch("/api/tide");
document.querySelector("#tide").textContent = answer.ok ? (await answer.json()).tide : "unknown";
